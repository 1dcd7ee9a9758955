"""Runs a notebook's cells in a visitor's kernel. The server names the cells; nothing of a browser is run."""

from typing import Any

from jupyter_core.utils import ensure_async
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from traitlets.config import Config
from voila.execute import VoilaExecutor, strip_code_cell_warnings

from .skeleton import later


class Cells:
    """The cells of one notebook in one kernel, as Voila runs them. Every output is waited for, however late it comes."""

    def __init__(self, kernel: Any, notebook: NotebookNode, config: Config) -> None:
        self._executor = VoilaExecutor(notebook, km=kernel, config=config)
        self._notebook = notebook

    async def ready(self) -> None:
        """Wait until the kernel answers."""
        self._executor.kc = await self._executor.async_start_new_kernel_client()

    async def run(self, index: int) -> list[NotebookNode]:
        """Run one cell; returns what it put out. Of an error the page shows only that there was one; its text is in the log."""
        cell = self._notebook.cells[index]
        try:
            return list((await self._executor.execute_cell(cell, None, index, store_history=False)).outputs)
        except CellExecutionError as error:
            self._executor.log.error("A cell of the page broke: %s", error)
            strip_code_cell_warnings(cell)
            self._executor.strip_code_cell_errors(cell)
            return list(cell.outputs)

    async def run_later(self) -> None:
        """Run the cells that show nothing and come after the others."""
        for index, cell in enumerate(self._notebook.cells):
            if later(cell):
                await self.run(index)

    async def close(self) -> None:
        """Let go of the kernel; it lives on."""
        if getattr(self._executor, "kc", None) is not None:
            await ensure_async(self._executor.kc.stop_channels())
