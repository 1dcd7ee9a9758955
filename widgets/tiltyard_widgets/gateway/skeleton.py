"""The page as it is for everybody: rendered once for each theme, with places for what is each visitor's own."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode, v4
from voila.app import Voila
from voila.notebook_renderer import NotebookRenderer
from voila.utils import get_page_config

LATER = "tiltyard-later"
SCRIPT = re.compile(r"<script(?=[\s>])")


@dataclass(frozen=True)
class Skeleton:
    """A rendered page in parts: what is sent before the kernel starts, what names it, and what stands around each cell's outputs.

    ``nonce`` and ``kernel`` stand where a visitor's own go. ``notebook`` holds the cells, of which those tagged
    ``tiltyard-later`` run once the page is shown, and show nothing.
    """

    notebook: NotebookNode
    head: str
    parts: tuple[str, ...]
    nonce: str
    kernel: str

    def first(self, nonce: str) -> str:
        """What a visitor sees while their kernel starts."""
        return self.head.replace(self.nonce, nonce)

    def rest(self, nonce: str, kernel: str) -> list[str]:
        """What stands before, between and after the outputs of the cells."""
        return [part.replace(self.nonce, nonce).replace(self.kernel, kernel) for part in self.parts]


class Skeletons:
    """Rendered pages, kept until the notebook changes."""

    def __init__(self, app: Voila, settings: dict[str, Any], logout: bool) -> None:
        self._path = app.notebook_path
        self._configuration = {
            "base_url": app.base_url,
            "settings": settings,
            "log": app.log,
            "voila_configuration": app.voila_configuration,
        }
        self._renderer = {
            "voila_configuration": app.voila_configuration,
            "traitlet_config": app.config,
            "notebook_path": os.path.relpath(app.notebook_path, app.root_dir),
            "template_paths": app.template_paths,
            "config_manager": app.config_manager,
            "contents_manager": app.contents_manager,
            "base_url": app.base_url,
            "kernel_spec_manager": app.kernel_spec_manager,
            "mathjax_config": settings.get("mathjax_config"),
            "mathjax_url": settings.get("mathjax_url"),
        }
        self._logout = logout
        self._made: dict[tuple[str, int], Skeleton] = {}
        self._one = asyncio.Lock()

    async def of(self, theme: str) -> Skeleton:
        """The page in a theme."""
        changed = os.stat(self._path).st_mtime_ns
        async with self._one:
            if (theme, changed) not in self._made:
                self._made = {key: kept for key, kept in self._made.items() if key[1] == changed}
                self._made[theme, changed] = await self._render(theme)
            return self._made[theme, changed]

    async def _render(self, theme: str) -> Skeleton:
        page = get_page_config(**self._configuration)
        renderer = _Blank(page_config=page, **self._renderer)
        await renderer.initialize(template=None, theme=theme)
        renderer.resources |= {"start": renderer.start, "logout": self._logout}
        text = "".join([part async for part, _ in renderer.generate_content_generator()])
        text = SCRIPT.sub(f'<script nonce="{renderer.nonce}"', text)
        head, rest = text.split(renderer.start)
        return Skeleton(renderer.notebook, head, tuple(rest.split(renderer.place)), renderer.nonce, renderer.kernel)


def shows(cell: NotebookNode) -> bool:
    """Does the page have a place for what it puts out?"""
    return cell.cell_type == "code" and not later(cell)


def later(cell: NotebookNode) -> bool:
    """Does it run only once the page is shown?"""
    return cell.cell_type == "code" and LATER in cell.metadata.get("tags", [])


class _Blank(NotebookRenderer):
    """Renders a notebook with no kernel: a mark where it is named, and where each cell's outputs go."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.start, self.place, self.nonce, self.kernel = (secrets.token_hex(16) for _ in range(4))

    async def _jinja_kernel_start(self, nb: NotebookNode, kernel_id: object, kernel_future: object) -> str:
        return self.kernel

    async def _jinja_cell_generator(self, nb: NotebookNode, kernel_id: object) -> AsyncIterator[NotebookNode]:
        for cell in nb.cells:
            if later(cell):
                continue
            blank = deepcopy(cell)
            if shows(cell):
                blank.outputs = [v4.new_output("display_data")]  # type: ignore[no-untyped-call]
                blank.place = self.place
            yield blank
