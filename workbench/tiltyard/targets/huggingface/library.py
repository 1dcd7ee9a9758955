"""transformers, imported when first needed, and never on the network."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from ...errors import Problem

_offline = threading.RLock()


def library() -> Any:
    """The package transformers.

    Raises
    ------
    Problem
        It is not installed.
    """
    if find_spec("transformers") is None:
        raise Problem("transformers to open a Hugging Face folder", "none installed", "pip install 'tiltyard[huggingface]'")
    with offline():
        import transformers

        return transformers


@contextmanager
def offline() -> Iterator[None]:
    """What runs within asks no hub for anything, and draws no progress bars. One thread at a time."""
    from huggingface_hub import constants

    with _offline:
        was, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
        try:
            with _quiet():
                yield
        finally:
            constants.HF_HUB_OFFLINE = was


@contextmanager
def _quiet() -> Iterator[None]:
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
