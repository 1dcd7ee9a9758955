"""Python that opens what *Model and data* opened, with what was corrected by hand."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal

    from .load import LoadPanel

READ = "from tiltyard.datasets.reading import read\nfrom tiltyard.targets.opening import open_target\n\n"


def code_of(panel: "LoadPanel", proposal: "Proposal | None") -> str:
    """The code for what the panel's fields name; ``proposal`` is how the data were read, None where the model brings its schema."""
    if panel.source.value == "sample":
        return f'from tiltyard.samples.catalog import load\n\nsample = load("{panel.sample.value}")\ntarget, data = sample.target, sample.data\n'
    return _remote(panel, proposal) if panel.source.value == "endpoint" else _files(panel, proposal)


def _files(panel: "LoadPanel", proposal: "Proposal | None") -> str:
    path = repr(panel.model_file.shown)
    given = [f"{k}={v!r}" for k, v in (("architecture", panel.architecture.value.strip()), ("factory", panel.factory.value.strip())) if v]
    given += [f"classes={named!r}"] if (named := panel.named()) else []
    sealed = panel.model_file.value.strip().endswith(".sealed")
    given += [f"sealed=key_for({panel.key_file.shown!r})"] if sealed else []
    imports = ("from tiltyard.sealing.asking import key_for\n\n" if sealed else "") + READ
    if proposal is None:
        marked = panel.schema.marked
        read = _read(panel, ["schema=target.schema", *([f"sensitive={marked!r}"] if marked is not None else [])])
        return f"{imports}target = open_target({', '.join([path, *given])})\n{read}"
    return f"{imports}{_read(panel, _corrections(proposal))}target = open_target({', '.join([path, 'data=data', *given])})\n"


def _remote(panel: "LoadPanel", proposal: "Proposal | None") -> str:
    budget = f", budget={int(panel.budget.value.replace(',', ''))}" if panel.budget.value.strip() else ""
    imports = "import os\n\n" if panel.endpoint.key.held else ""
    opened = f"target = open_target({str(panel.endpoint.address)!r}, data=data{panel.endpoint.code()}{budget})\n"
    return f"{imports}{READ}{_read(panel, _corrections(proposal) if proposal else [])}{opened}"


def _read(panel: "LoadPanel", words: list[str]) -> str:
    member = [f"member={panel.member.value.strip()!r}"] if panel.member.value.strip() else []
    return f"data = read({', '.join([repr(panel.data_file.shown), *words, *member])})\n"


def _corrections(proposal: "Proposal") -> list[str]:
    """The keywords of `read` that give this schema again."""
    from tiltyard.datasets.arrays import Arrays

    schema = proposal.schema
    words = [] if isinstance(proposal.table, Arrays) else [f"label={schema.label!r}"]
    words.append(f"sensitive={schema.sensitive!r}")
    words += [f"leave_out={proposal.dropped!r}"] if proposal.dropped else []
    words += [f"take={proposal.taken!r}"] if proposal.taken else []
    features = {name: c.model_dump(exclude_none=True) for name, c in proposal.corrections.items()}
    return words + ([f"features={features!r}"] if features else [])
