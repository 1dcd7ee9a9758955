"""What somebody does to a store at rest who may write its file, but lacks its key or its audit log."""

import sqlite3
from dataclasses import asdict
from pathlib import Path

from tests.store.tampering import attacker

from tiltyard.store import tables
from tiltyard.store.chain import PLAIN, START, Head, Keys, Link, facts_of, kept_columns


def ids(raw: sqlite3.Connection) -> list[str]:
    return [row[0] for row in raw.execute("select id from runs order by started")]


def records_of(raw: sqlite3.Connection, run: str) -> list[str]:
    return [row[0] for row in raw.execute("select token from records where run_id = ? order by number", (run,))]


def swap_texts(raw: sqlite3.Connection) -> None:
    a, b = records_of(raw, ids(raw)[0])[0], records_of(raw, ids(raw)[1])[0]
    for token, text in raw.execute("select token, record from records where token in (?, ?)", (a, b)).fetchall():
        raw.execute("update records set record = ? where token = ?", (text, b if token == a else a))


def swap_runs(raw: sqlite3.Connection) -> None:
    a, b = ids(raw)[:2]
    for was, now in ((a, "x"), (b, a), ("x", b)):
        raw.execute("update records set run_id = ? where run_id = ?", (now, was))


def move(raw: sqlite3.Connection) -> None:
    raw.execute("update records set run_id = ? where token = ?", (ids(raw)[1], records_of(raw, ids(raw)[0])[0]))


def reorder(raw: sqlite3.Connection) -> None:
    raw.execute("update records set number = -number")


def delete_record(raw: sqlite3.Connection) -> None:
    raw.execute("delete from records where token = ?", (records_of(raw, ids(raw)[0])[1],))


def cut_tail(raw: sqlite3.Connection) -> None:
    raw.execute("delete from records where token = ?", (records_of(raw, ids(raw)[0])[-1],))


def drop_file(raw: sqlite3.Connection) -> None:
    raw.execute("delete from artifacts where rowid = (select min(rowid) from artifacts)")


def delete_owner(raw: sqlite3.Connection) -> None:
    raw.execute("delete from owners where run_id = ?", (ids(raw)[0],))


def share(raw: sqlite3.Connection) -> None:
    raw.execute("insert into shares values (?)", (ids(raw)[1],))


def delete_run(raw: sqlite3.Connection) -> None:
    run = ids(raw)[0]
    raw.execute("delete from artifacts where token in (select token from records where run_id = ?)", (run,))
    for table in ("records", "owners", "shares", "jobs"):
        raw.execute(f"delete from {table} where run_id = ?", (run,))
    raw.execute("delete from runs where id = ?", (run,))


def delete_run_and_links(raw: sqlite3.Connection) -> None:
    raw.execute("delete from chain where run_id = ?", (ids(raw)[0],))
    delete_run(raw)


def reopen(raw: sqlite3.Connection) -> None:
    raw.execute("update runs set ended = null, verdict = '' where id = ?", (ids(raw)[0],))


def copies(raw: sqlite3.Connection, table: str, where: str, **other: object) -> None:
    names = [row[1] for row in raw.execute(f"pragma table_info({table})")]
    taken = ", ".join("?" if name in other else name for name in names)
    values = [other[name] for name in names if name in other]
    assert raw.execute(f"insert into {table} select {taken} from {table} where {where}", values).rowcount


def duplicate_record(raw: sqlite3.Connection) -> None:
    copies(raw, "records", f"token = '{records_of(raw, ids(raw)[0])[0]}'", number=1000, token="f" * 32)


def duplicate_run(raw: sqlite3.Connection) -> None:
    copies(raw, "runs", f"id = '{ids(raw)[0]}'", id="f" * 32)


def one_key_twice(raw: sqlite3.Connection) -> None:
    raw.execute("create table again as select * from owners")
    raw.execute("drop table owners")
    raw.execute("alter table again rename to owners")
    raw.execute("insert into owners values (?, 'mallory')", (ids(raw)[0],))


def two_heads(raw: sqlite3.Connection) -> None:
    copies(raw, "store_head", "one = 1", one=0)


def add_job(raw: sqlite3.Connection) -> None:
    copies(raw, "jobs", "1 limit 1", id="f" * 32, run_id=ids(raw)[0])


def take_links_out(raw: sqlite3.Connection) -> None:
    raw.execute("delete from chain where number = (select max(number) / 2 from chain)")


def add_link(raw: sqlite3.Connection) -> None:
    copies(raw, "chain", "number = 3", number=1000)


def drop_head(raw: sqlite3.Connection) -> None:
    raw.execute("delete from store_head")


def drop_chain(raw: sqlite3.Connection) -> None:
    for table in ("chain", "store_head"):
        raw.execute(f"drop table {table}")
    raw.execute("update tiltyard_store set version = 1")


def to_an_earlier_head(raw: sqlite3.Connection) -> None:
    """The end of the run taken back, with its links: all that remains is authentic but for the head's number."""
    last = raw.execute("select max(number) from chain where what = 'runs' and run_id = ?", (ids(raw)[1],)).fetchone()[0]
    raw.execute("update runs set ended = null, verdict = '' where id = ?", (ids(raw)[1],))
    for run in raw.execute("select distinct run_id from chain where number >= ?", (last,)).fetchall():
        if run[0] != ids(raw)[1]:
            raw.execute("delete from runs where id = ?", run)
    raw.execute("delete from chain where number >= ?", (last,))
    raw.execute("update store_head set number = ?, hash = (select hash from chain where number = ?)", (last - 1, last - 1))


ATTACKS = [
    swap_texts, swap_runs, move, reorder, delete_record, cut_tail, drop_file, delete_owner, share, delete_run, delete_run_and_links, reopen,
    duplicate_record, duplicate_run, one_key_twice, two_heads, add_job, take_links_out, add_link, drop_head, drop_chain, to_an_earlier_head,
]  # fmt: skip
SAID = {
    swap_texts: "was swapped with evasion.share of run",
    move: "was moved to run",
    delete_record: "was deleted",
    cut_tail: "was deleted",
    delete_run: "was deleted",
    reopen: "was rolled back",
    duplicate_record: "was added",
    duplicate_run: "was added",
}


def forge(place: Path, statement: str) -> None:
    """Change rows and make the whole chain anew by plain hashes, as somebody does who has read this program."""
    keys = Keys({})
    with attacker(place) as raw:
        raw.execute(statement)
        (store,) = raw.execute("select store from store_head").fetchone()
        links = [Link(*row) for row in raw.execute("select * from chain order by number")]
        last = {(link.what, link.key): link.number for link in links}
        previous = START
        for link in links:
            if link.what == "runs" and last[link.what, link.key] == link.number:
                names = ", ".join(c.name for c in kept_columns(tables.runs))
                row = raw.execute(f"select {names} from runs where id = ?", (link.key,)).fetchone()
                link = link._replace(facts=facts_of(row))
            link = link._replace(under=PLAIN)
            link = link._replace(hash=link.true_hash(keys, store, previous))
            raw.execute("update chain set facts = ?, under = ?, hash = ? where number = ?", (link.facts, PLAIN, link.hash, link.number))
            previous = link.hash
        head = Head(store, len(links), previous, PLAIN, "").proven(keys)
        raw.execute(f"update store_head set {', '.join(f'{name} = ?' for name in asdict(head))}", list(asdict(head).values()))
