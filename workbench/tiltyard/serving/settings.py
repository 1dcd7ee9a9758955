"""The settings of a guarded endpoint, ``guard.toml``. What is not set is the safe choice."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from ..assessment.config import DataConfig
from ..assessment.toml_file import checked, load
from ..result import Given

LOOPBACK = ("127.0.0.1", "::1", "localhost")
RATE = re.compile(r"\s*([1-9][0-9]{0,11})\s*/\s*([1-9][0-9]{0,5}\s*)?(second|minute|hour|day|month)s?\s*")


def _rate(text: str) -> str:
    if text and not RATE.fullmatch(text):
        raise ValueError('a rate such as "600/minute" or "10000/12 hours", or "" for none')
    return text


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise ValueError('an address such as "10.0.0.5", or a network such as "10.0.0.0/24"') from None


Rate = Annotated[str, AfterValidator(_rate)]
Network = Annotated[str, AfterValidator(_network)]


class ModelSettings(Given):
    """How to open a model file that does not describe itself fully."""

    architecture: str = Field(default="", description="path to a JSON description of the layers")
    factory: str = Field(default="", description="package.module:function that makes the module")
    outputs: Literal["logits", "probabilities", "labels"] | None = None
    feeds: Literal["encoded", "frame", "values"] | None = None
    classes: tuple[str, ...] = ()
    threshold: float | None = Field(default=None, gt=0, lt=1, description="the score from which the class `positive` is decided")
    positive: str = Field(default="", description="the class that the threshold is for; empty for the second of two")
    behind: tuple[str, ...] = Field(default=(), description="files of defenses that the model stands behind, the first one nearest to it")


class OutputSettings(Given):
    """What an answer gives away; see `disclosure`. Fewer digits make theft dearer and honest users no poorer."""

    kind: Literal["scores", "rounded", "top-k", "label"] = "rounded"
    digits: int = Field(default=2, ge=0, le=6, description="decimals kept under rounded and top-k")
    top: int = Field(default=3, ge=1, le=1000, description="classes given under top-k")


class LimitSettings(Given):
    """How much one request may take of the server. Times are in seconds, sizes in bytes."""

    body: int = Field(default=2**20, ge=100, le=2**28, description="bytes of a request's body")
    rows: int = Field(default=1000, ge=1, le=100_000, description="rows in one request")
    seconds: float = Field(default=30.0, gt=0, le=600, description="until the model has answered")
    body_seconds: float = Field(default=10.0, gt=0, le=600, description="until the whole body is there")
    header_seconds: float = Field(default=10.0, gt=0, le=600, description="until the whole head is there")
    idle_seconds: float = Field(default=30.0, gt=0, le=600, description="a connection is kept between requests")
    write_seconds: float = Field(default=20.0, gt=0, le=600, description="until the client has received its answer")
    stop_seconds: float = Field(default=60.0, gt=0, le=3600, description="until requests under way are answered on stopping")
    connections: int = Field(default=500, ge=1, le=100_000, description="at the same time; more are closed unanswered")
    strangers: int = Field(default=100, ge=1, le=100_000, description="of these without a valid key; at most half of them")
    strangers_each: int = Field(default=32, ge=1, le=100_000, description="of these from one address")
    stranger_seconds: float = Field(default=10.0, gt=0, le=600, description="a connection is kept without a valid key")
    waiting: int = Field(default=64, ge=1, le=10_000, description="requests that may wait for the model")
    threads: int = Field(default=1, ge=1, le=64, description="that ask the model")


class RateSettings(Given):
    """How much one key may ask. A budget is exact and survives a restart; rates are the sliding windows of ``limits``."""

    requests: Rate = Field(default="600/minute", description="requests of a key")
    rows: Rate = Field(default="", description="rows of a key")
    budget: int | None = Field(default=None, ge=1, description="rows of a key in one period")
    days: float = Field(default=30.0, gt=0, le=3660, description="length of a budget's period")


class DetectorSettings(Given):
    """The extraction detector: what is done about a key whose queries look like an extraction."""

    watch: bool = True
    action: Literal["log", "refuse"] = Field(
        default="log",
        description="refuse: a key whose rows are farther from honest ones than any cluster of these gets 403 until an operator clears it",
    )

    @model_validator(mode="after")
    def _seen(self) -> Self:
        if self.action == "refuse" and not self.watch:
            raise ValueError("who is not watched cannot be refused: set watch = true")
        return self


class Settings(Given):
    """All settings. Relative paths start at the settings file."""

    renamed: ClassVar[Mapping[str, str]] = {"trail": "extraction_detector"}

    name: str = Field(default="", max_length=200, description="what /v1/model calls the model")
    host: str = "127.0.0.1"
    port: int = Field(default=8443, ge=0, le=65535)
    keys: str = Field(default="", description="the file of keys; absent: the one of `tiltyard key`")
    certificate: str = Field(default="", description="TLS certificate chain, PEM")
    private_key: str = Field(default="", description="its private key, PEM")
    proxies: tuple[Network, ...] = Field(
        default=(), description="addresses or networks of your own proxies, whose connections are not shared out by address"
    )
    guard: str = Field(default="", description="an input guard saved by validation.guard")
    log: str = Field(default="", description="file of JSON lines, one a request; absent: standard error")
    usage: str = Field(default="", description="file that remembers spent budgets; absent: beside the keys")
    model: ModelSettings = ModelSettings()
    data: DataConfig = Field(default=DataConfig(), description="rows that say what the model's columns mean, where its file does not")
    limits: LimitSettings = LimitSettings()
    output: OutputSettings = OutputSettings()
    rate: RateSettings = RateSettings()
    extraction_detector: DetectorSettings = DetectorSettings()
    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.certificate) != bool(self.private_key):
            raise ValueError("give certificate and private_key together")
        return self

    @property
    def secure(self) -> bool:
        """Is it served over TLS?"""
        return bool(self.certificate)

    @property
    def loopback(self) -> bool:
        """Can only this machine reach it?"""
        return self.host in LOOPBACK

    def path(self, text: str) -> Path | None:
        """A path as the file means it; None for none."""
        place = Path(text).expanduser()
        return None if not text else place if place.is_absolute() else self._folder / place


def read_settings(path: Path | None) -> Settings:
    """The settings in a TOML file, or the safe ones where there is none; a mistake is one line."""
    if path is None:
        return Settings()
    found = checked(Settings, load(path, "the settings of an endpoint"), path.name)
    found._folder = path.absolute().parent
    return found
