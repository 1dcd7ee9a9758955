"""What CI runs is named by what it is: actions by commit, images by digest. A tag of either can be moved to other code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SKIPPED = {".git", ".venv", "node_modules", "dist", "build"}
BUILDERS = re.compile(r"(?i)(.*\.)?(dockerfile|containerfile)(\..*)?|(docker-)?compose.*\.ya?ml|devcontainer\.json|action\.ya?ml")
ACTION = re.compile(r"\.{1,2}/[\w./-]+|[\w.-]+/[\w./-]+@[0-9a-f]{40}")
IMAGE = re.compile(r"(docker://)?[\w.:/-]+@sha256:[0-9a-f]{64}")
FROM_MATRIX = re.compile(r"\$\{\{ *matrix\.(\w+) *\}\}")
KEY = re.compile(r"""(?<![\w.-])["']?(uses|container|image)["']?[ \t]*:[ \t]*([^\n]*)""")
PULLED = re.compile(r"\b(?:docker|podman)[ \t]+(?:image[ \t]+)?(?:run|pull|create)\b([^\n]*)")
FROM = re.compile(r"(?im)^[ \t]*(?:FROM|COPY[ \t]+--from=)[ \t]*(?:--platform=\S+[ \t]+)?(\S+)(?:[ \t]+AS[ \t]+(\S+))?")


def recipes() -> list[Path]:
    """Every file that names actions to run or images to start."""
    found = [p for p in ROOT.rglob("*") if p.is_file() and not SKIPPED & set(p.relative_to(ROOT).parts)]
    return [p for p in found if BUILDERS.fullmatch(p.name) or p.relative_to(ROOT).parts[:2] == (".github", "workflows")]


def loose(text: str) -> list[str]:
    """What in a workflow or container file is not pinned. Whatever is written so that it is not understood counts as loose."""
    lines = "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines())
    found = [
        f"{key}: {value}" for key, value in KEY.findall(lines) for value in _values(key, value.strip(), lines) if not _pinned(key, value)
    ]
    found += [words for words in PULLED.findall(lines) if not re.search(r"@sha256:[0-9a-f]{64}", words)]
    stages = {name for _, name in FROM.findall(lines)} | {"scratch"}
    return found + [image for image, _ in FROM.findall(lines) if image not in stages and not IMAGE.fullmatch(image)]


def _values(key: str, value: str, lines: str) -> list[str]:
    """The value, or where the matrix names it, each of the matrix's; a list or mapping that follows is read by its own keys."""
    name = FROM_MATRIX.fullmatch(value)
    if not name and value:
        return [value]
    if name and name[1] == key:
        return []  # read below, at the key of that name
    below = rf"(?m)^([ \t]*){name[1] if name else key}[ \t]*:[ \t]*\n((?:\1[ \t]+\S.*\n?|\s*\n)+)"
    listed = re.search(below, lines)
    items = re.findall(r"(?m)^[ \t]*-[ \t]*([^\s{:][^\n]*)$", listed[2]) if listed else []
    return [item.strip() for item in items] or ([value or f"nothing under {key}"] if name or key == "uses" or not listed else [])


def _pinned(key: str, value: str) -> bool:
    value = value.strip("'\"")
    return bool(IMAGE.fullmatch(value) or (key == "uses" and ACTION.fullmatch(value)))


@pytest.mark.skipif(not (ROOT / ".github").exists(), reason="no workflows in a source distribution")
def test_every_action_and_image_is_pinned() -> None:
    assert (ROOT / ".github" / "workflows" / "ci.yml") in recipes()
    assert {str(p.relative_to(ROOT)): loose(p.read_text(encoding="utf-8")) for p in recipes() if loose(p.read_text(encoding="utf-8"))} == {}


@pytest.mark.skipif(not (ROOT / ".github").exists(), reason="no workflows in a source distribution")
def test_a_tag_in_place_of_any_pin_is_seen() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    pins = re.findall(r"@sha256:[0-9a-f]{64}|@[0-9a-f]{40}", text)
    assert len(pins) == 4
    for pin in pins:
        assert loose(text.replace(pin, "")), pin
        assert loose(text.replace(pin, pin[:-1])), pin


HEX = "0" * 40
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "- uses: actions/checkout@v4",
        "- uses: actions/checkout@main # " + HEX,
        f"- uses: actions/checkout@{HEX[:39]}",
        "- {uses: actions/checkout@v4}",
        '- "uses": "actions/checkout@v4"',
        "- uses: >-\n    actions/checkout@v4",
        "- uses: docker://python:3.11",
        "- uses: ${{ matrix.action }}",
        "container: python:3.11-bookworm",
        "container: python:${{ matrix.python }}-bookworm",
        "container:\n  image: python:3.11",
        "services:\n  db:\n    image: postgres:18",
        "container: ${{ matrix.image }}\nmatrix:\n  image:\n    - python:3.11\n",
        f"container: ${{{{ matrix.image }}}}\nmatrix:\n  image:\n    - python@{DIGEST}\n    - python:3.12\n",
        "container: ${{ matrix.image }}\nmatrix:\n  image: [python:3.11]",
        "container: ${{ matrix.base }}\nmatrix:\n  base:\n    - python:3.11\n",
        "container: ${{ inputs.image }}",
        "- run: docker run --rm python:3.11 true",
        "FROM python:3.11",
        f"FROM python@{DIGEST} AS build\nFROM --platform=linux/amd64 python:3.11\n",
        f"FROM python@{DIGEST} AS build\nCOPY --from=ghcr.io/x/y:1 /a /a",
    ],
)
def test_what_is_not_pinned_is_seen(text: str) -> None:
    assert loose(text)


@pytest.mark.parametrize(
    "text",
    [
        f"- uses: actions/checkout@{HEX} # v4",
        "- uses: ./.github/actions/ours",
        f"- uses: docker://python:3@{DIGEST}",
        f"container:\n  image: python:3.11@{DIGEST}\n  options: --init\n",
        f"container: ${{{{ matrix.image }}}}\nmatrix:\n  image:\n    - python:3.11@{DIGEST} # 3.11\n",
        f"container: ${{{{ matrix.base }}}}\nmatrix:\n  base:\n    - python:3.11@{DIGEST}\n",
        f"- run: docker run python@{DIGEST} true",
        f"FROM python@{DIGEST} AS build\nFROM build\nCOPY --from=build /a /a\n",
    ],
)
def test_what_is_pinned_passes(text: str) -> None:
    assert loose(text) == []
