"""Steps for a cluster's workers, which import them from here."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from tiltyard.check import Check, Step, parameter
from tiltyard.datasets.dataset import Dataset
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Metric, Status
from tiltyard.targets.target import Target


class Endless(Check):
    """Goes on until it is cancelled, or kills the worker it runs in."""

    id: ClassVar[str] = "test.endless"
    title: ClassVar[str] = "Endless"
    question: ClassVar[str] = "Does it end?"
    needs: ClassVar[frozenset[str]] = frozenset()
    standards: ClassVar[tuple[str, ...]] = ()
    sources: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[str] = "all there is"

    place: str = parameter("", "Folder in which each beginning leaves its process id", "path")
    deaths: int = parameter(0, "Beginnings that kill their worker; 0 goes on until it is cancelled", "processes", ge=0)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        begun = len(list(Path(self.place).iterdir())) + 1
        (Path(self.place) / f"{begun}-{os.getpid()}").touch()
        if begun <= self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        while not self.deaths:
            progress.step(0.25, "going on")
            time.sleep(0.02)
        draw = float(np.random.default_rng(self.seed).random())
        return CheckResult(status=Status.PASSED, summary="It ended.", metrics=(Metric(name="draw", label="Draw", value=draw),))


class Neither(Step):
    """No check and no defense."""

    id: ClassVar[str] = "test.neither"
    title: ClassVar[str] = "Neither"
    question: ClassVar[str] = "Can it run?"


class Whose(Check):
    """Tells in which process it runs."""

    id: ClassVar[str] = "test.whose"
    title: ClassVar[str] = "Whose"
    question: ClassVar[str] = "Whose process is it?"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        return CheckResult(status=Status.PASSED, summary="ran", metrics=(Metric(name="pid", label="pid", value=float(os.getpid())),))


class Meets(Check):
    """Goes on until a second step has begun beside it."""

    id: ClassVar[str] = "test.meets"
    title: ClassVar[str] = "Meets"
    question: ClassVar[str] = "Does another run at the same time?"

    place: str = parameter("", "Folder in which each leaves its process id", "path")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        (Path(self.place) / f"{self.seed}-{os.getpid()}").touch()
        end = time.monotonic() + 300
        while len(list(Path(self.place).iterdir())) < 2:
            assert time.monotonic() < end, "no other came"
            progress.step(0.5, "waiting for another")
            time.sleep(0.02)
        draw = float(np.random.default_rng(self.seed).random())
        return CheckResult(status=Status.PASSED, summary="It met another.", metrics=(Metric(name="draw", label="Draw", value=draw),))
