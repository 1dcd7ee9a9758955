"""What skops does not trust, because it follows numbers without asking, and what is shown safe here by these numbers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .boosting import MODULE, check_boosting
from .neighbors import BALL, DISTANCES, KD, neighbor_tree
from .parts import Fault, kind, must
from .splines import AS_ARRAY, SPLINE, splines
from .trees import TREES, trees_in

if TYPE_CHECKING:
    from .parts import Arrays

SHOWN = TREES | DISTANCES | {BALL, KD, SPLINE, AS_ARRAY}


def fault(nodes: list[dict[str, Any]], array: "Arrays") -> str | None:
    """Why a tree or spline of a skops file cannot be shown safe; None where every one is.

    ``nodes``: every dictionary of its schema. ``array``: reads an array of the file by the name of its entry.
    """
    listed = [n for n in nodes if isinstance(n.get("__loader__"), str)]
    try:
        shown = {id(part) for node in listed for part in _shown(node, array)}
        for node in listed:
            must(
                kind(node) not in SHOWN or id(node) in shown,
                f"a {node['__class__']} stands outside of the estimators whose use of it is known",
            )
    except Fault as error:
        return str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
        return "it is not written as skops writes it"
    return None


def _shown(node: dict[str, Any], array: "Arrays") -> Iterator[dict[str, Any]]:
    """The parts directly in an estimator, each shown safe."""
    if node.get("__module__") == MODULE:
        check_boosting(node, array)
    yield from trees_in(node, array)
    yield from splines(node, array)
    if (tree := neighbor_tree(node, array)) is not None:
        yield tree
        yield tree["content"]["content"][11]
