"""The class on one page: where it is, and what most got wrong. Without names, for the projector; no script, no network."""

from html import escape

from ..desk import questions
from ..texts import catalog
from .collecting import Collection, labs_of, missed, solved

FEWEST = 5  # students below which a share would point at somebody
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Class</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 2rem auto; max-width: 62rem; padding: 0 1rem; font: 1.15rem/1.5 system-ui, sans-serif; }}
table {{ border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; font-size: 1.3rem; }}
th, td {{ text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }}
td.n {{ text-align: right; }} meter {{ width: 12rem; }}
</style>
<main><h1>{title}</h1>{body}</main></html>
"""


def page(collection: Collection, title: str = "The class") -> str:
    """The whole page as HTML. No name, login or group stands in it."""
    labs = labs_of(collection)
    if not labs:
        return PAGE.format(title=escape(title), body="<p>Nothing was handed in yet.</p>")
    return PAGE.format(
        title=escape(title), body=_where(collection, labs) + "".join(_lab(collection, lab) for lab in labs) + _wrong(collection)
    )


def _where(collection: Collection, labs: tuple[int, ...]) -> str:
    rows = []
    for lab in labs:
        mine = [one for (_, number), one in collection.handed_in.items() if number == lab]
        whole = sum(one.points == len(one.rulings) for one in mine)
        rows.append((f"Lab {lab}", len(mine), whole))
    everybody = len(collection.students)
    body = "".join(
        f'<tr><th scope="row">{name}</th><td class="n">{n} of {everybody}</td><td class="n">{whole}</td></tr>' for name, n, whole in rows
    )
    head = '<tr><th scope="col">Lab</th><th scope="col">handed in</th><th scope="col">all right</th></tr>'
    return f"<table><caption>Where the class is</caption>{head}{body}</table>"


def _lab(collection: Collection, lab: int) -> str:
    ids = [q.id for q in questions().values() if q.lab == lab]
    n = sum(number == lab for _, number in collection.handed_in)
    right = solved(collection, ids)
    body = "".join(_row(id, right[id], n) for id in ids)
    return f'<table><caption>Lab {lab}</caption><tr><th scope="col">Question</th><th scope="col" colspan="2">right</th></tr>{body}</table>'


def _row(id: str, right: int, n: int) -> str:
    meter = f'<meter min="0" max="{n}" value="{right}" aria-label="{right} of {n} right">{right} of {n}</meter>'
    return f'<tr><th scope="row">{id}</th><td>{meter}</td><td class="n">{right} of {n}</td></tr>'


def _wrong(collection: Collection) -> str:
    """The five commonest reasons; one that only a few met is left out where the class is large enough to hide them."""
    least = 2 if len(collection.students) >= FEWEST else 1
    counted = [(count, id, reason) for id, reasons in missed(collection).items() for reason, count in reasons.items() if count >= least]
    worst = sorted(counted, reverse=True)[:5]
    if not worst:
        return ""
    body = "".join(
        f'<tr><th scope="row">{id}</th><td class="n">{count}</td><td>{escape(plain(reason))}</td></tr>' for count, id, reason in worst
    )
    head = '<tr><th scope="col">Question</th><th scope="col">students</th><th scope="col">what went wrong</th></tr>'
    return f"<table><caption>What most got wrong</caption>{head}{body}</table>"


def plain(reason: str) -> str:
    """The reason in words, without what stood in it for one student."""
    import re

    words = catalog("en").get(f"reason.{reason}", reason)
    return re.sub(r"\{[^}]*\}", "…", words).strip()
