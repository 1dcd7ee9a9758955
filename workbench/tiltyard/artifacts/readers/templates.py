"""Chat templates: Jinja, parsed and never rendered. Values, loops and the functions that tokenizers offer pass; nothing else does."""

import re
from typing import TYPE_CHECKING

from ..reason import Findings

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

LONGEST = 1 << 20
_UNDER = re.compile(r"__\w+__|\\x5f|\\u005f|\b_[a-z]\w*", re.IGNORECASE)
FUNCTIONS = frozenset("range namespace dict raise_exception strftime_now cycler joiner caller loop super tojson".split())
METHODS = frozenset(
    "split rsplit strip lstrip rstrip startswith endswith items keys values get append lower upper title capitalize replace join count index "
    "find rfind isdigit isalpha splitlines partition rpartition removeprefix removesuffix pop extend insert update copy zfill".split()
)
FILTERS = frozenset(
    "abs batch capitalize count d default dictsort e escape first float forceescape indent int items join last length list lower max min reject "
    "rejectattr replace reverse round safe select selectattr slice sort string striptags sum title tojson trim truncate unique upper urlencode "
    "wordcount map groupby from_json fromjson".split()
)
WHY_CODE = "a template that reaches Python's own objects runs code in whatever renders it outside a sandbox"
WHY_UNKNOWN = "a chat template needs values, loops and text alone"


def judge_template(text: str, findings: Findings, where: str) -> None:
    """Does the template of a chat do anything but put text together?"""
    if len(text) > LONGEST:
        findings.unproven(where, f"a template of {len(text):,} characters", f"no more than {LONGEST:,} are looked at")
        return
    from jinja2 import TemplateSyntaxError

    try:
        found = _environment().parse(text)
    except (TemplateSyntaxError, RecursionError, ValueError) as error:
        findings.unproven(
            where, f"a template that cannot be parsed ({type(error).__name__})", "what a reader would make of it is not known"
        )
        return
    _judge_nodes(found, findings, where)


def _environment() -> "Environment":
    from jinja2 import Environment, nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class Generation(Extension):
        """The ``generation`` block of Hugging Face's tokenizers."""

        tags = {"generation"}

        def parse(self, parser: Parser) -> nodes.Node:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)

    return Environment(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", Generation], autoescape=True)


def _judge_nodes(tree: "nodes.Template", findings: Findings, where: str) -> None:
    from jinja2 import nodes

    macros = {node.name for node in tree.find_all(nodes.Macro)}
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Import | nodes.FromImport | nodes.Include | nodes.Extends):
            findings.unproven(where, "a template that includes another file", WHY_UNKNOWN, rule="template-code")
        elif isinstance(node, nodes.Getattr):
            _reach(node.attr, findings, where)
        elif isinstance(node, nodes.Const) and isinstance(node.value, str) and _UNDER.search(node.value):
            _constant(node.value, findings, where)
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            _named("filter", node.name, findings, where)
        elif isinstance(node, nodes.Call):
            _call(node, macros, findings, where)


def _reach(name: str, findings: Findings, where: str) -> None:
    if name.startswith("_") or name in ("mro", "func_globals", "gi_frame", "cr_frame", "f_globals", "format_map"):
        findings.malicious(where, f"the template reaches .{name}", WHY_CODE, rule="template-code")


def _constant(text: str, findings: Findings, where: str) -> None:
    if found := re.search(r"__[a-z]+__|(?i:\\x5f\\x5f|\\u005f)", text):
        findings.malicious(where, f"the template names {found.group()!r}", WHY_CODE, rule="template-code")


def _named(what: str, name: str, findings: Findings, where: str) -> None:
    if name == "attr":
        findings.malicious(where, "the template reads attributes by a made name (|attr)", WHY_CODE, rule="template-code")
    else:
        findings.unproven(where, f"the template uses the {what} {name!r}", WHY_UNKNOWN, rule="template-code")


def _call(node: "nodes.Call", macros: set[str], findings: Findings, where: str) -> None:
    from jinja2 import nodes

    callee = node.node
    if isinstance(callee, nodes.Name):
        if callee.name not in FUNCTIONS and callee.name not in macros:
            _named("function", callee.name, findings, where)
    elif isinstance(callee, nodes.Getattr):
        if callee.attr not in METHODS and not callee.attr.startswith("_"):
            _named("method", callee.attr, findings, where)
    else:
        findings.unproven(where, "the template calls what an expression gives", WHY_UNKNOWN, rule="template-code")
