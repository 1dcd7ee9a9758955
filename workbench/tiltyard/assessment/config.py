"""What to assess, from TOML: target, data, checks. Paths are relative to the file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from ..access.person import me
from ..audit import notes as audit
from ..catalogue import find
from ..check import Check, Step, named
from ..datasets.cohorts import Cohort
from ..datasets.correcting import Correction
from ..datasets.kept_cohorts import kept
from ..errors import Problem
from ..execution.profiles import Profile, overrides, steps
from ..result import Given
from ..sealing.asking import key_for
from ..sealing.keys import Key
from ..sealing.sealing import is_sealed
from .about import About
from .toml_file import checked, load

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..targets.open_options import SchemaMissing
    from ..targets.target import Target


class TargetConfig(Given):
    """The model: a shipped sample, a file and how to open it, or an endpoint."""

    sample: str = ""
    file: str = ""
    url: str = Field(default="", description="address of an endpoint: Tiltyard's, KServe's or MLflow's")
    key_env: str = Field(default="", description="of an endpoint: the environment variable that holds its key")
    judge_key_env: str = Field(default="", description="of an endpoint: the variable with another key, on which attacks are judged")
    budget: int | None = Field(default=None, ge=0, description="of an endpoint: rows it may be sent in all")
    key_file: str = Field(default="", description="of a sealed file: its key file; its passphrase where there is none")
    name: str = ""
    architecture: str = Field(default="", description="path to a JSON description of the layers")
    factory: str = Field(default="", description="package.module:function that makes the module")
    outputs: Literal["logits", "probabilities", "labels"] | None = None
    feeds: Literal["encoded", "frame", "values", "texts"] | None = None
    classes: tuple[str, ...] = Field(default=(), description="the classes in the order of the model's outputs")
    threshold: float | None = Field(
        default=None, gt=0, lt=1, description="the score from which the class `positive` is decided, where that is not the model's own rule"
    )
    positive: str = Field(default="", description="the class that the threshold is for; empty for the second of two")
    behind: tuple[str, ...] = Field(default=(), description="files of defenses that the model stands behind, the first one nearest to it")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [bool(self.sample), bool(self.file), bool(self.url)].count(True) != 1:
            raise ValueError("give either sample, file or url")
        if (self.key_env or self.judge_key_env or self.budget is not None) and not self.url:
            raise ValueError("key_env, judge_key_env and budget belong to a url")
        if self.key_file and not self.file:
            raise ValueError("key_file belongs to a file")
        if self.positive and self.threshold is None:
            raise ValueError(
                "positive is the class of a threshold: give threshold too, or [data] favorable for the class that people hope for"
            )
        return self


class DataConfig(Given):
    """The data: a shipped sample, or a file and what its columns mean."""

    sample: str = ""
    file: str = ""
    name: str = ""
    label: str | None = None
    sensitive: tuple[str, ...] | None = Field(default=None, description="columns; absent: the likely ones; []: none")
    member: str | None = Field(default=None, description="column that says whether the row was trained on")
    rows: int | None = Field(default=None, ge=1, description="take this many rows at random, by the seed")
    size: tuple[int, int] | None = Field(default=None, description="height and width that a folder's images are resized to")
    leave_out: tuple[str, ...] = Field(default=(), description="columns that are no features; sensitive ones still tell groups apart")
    favorable: str = Field(default="", description="the class that people hope for; empty: proposed by the words of label and classes")
    take: tuple[str, ...] = Field(default=(), description="columns that are features although they look like an id or free text")
    features: dict[str, Correction] = Field(default={}, description="what is known better of a feature than the file says")
    relations: tuple[str, ...] | None = Field(
        default=None, description='what every row keeps between its columns, as in "a <= b" or "total := a + b"; absent: as the schema says'
    )
    cohort: Cohort | str | None = Field(
        default=None, description="assess these rows alone: a name and conditions, or the name of a cohort kept of this very data"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.sample and self.file:
            raise ValueError("give either sample or file")
        return self


class CheckConfig(Given):
    """One check; every key beside ``id`` is one of its parameters."""

    model_config = ConfigDict(extra="allow")

    id: str


class Config(Given):
    """An assessment. Without ``check`` all registered checks run with the profile's parameters."""

    name: str = ""
    profile: Profile = "full"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    target: TargetConfig
    data: DataConfig = DataConfig()
    report: About = Field(default=About(), description="what the report says of itself and shows")
    checks: tuple[CheckConfig, ...] = Field(default=(), alias="check")
    _folder: Path = PrivateAttr(default_factory=Path)
    _sealed: "Key | None" = PrivateAttr(default=None)
    _known_rows: "Dataset | None" = PrivateAttr(default=None)
    _last_read: "Dataset | None" = PrivateAttr(default=None)

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self._folder

    def steps(self, target: "Target | None" = None, data: "Dataset | None" = None) -> list[Step]:
        """The checks to run, in order; a wrong id or parameter is refused in one line."""
        if not self.checks:
            return steps(self.profile, self.seed, target, data)
        return [self._step(check, data) for check in self.checks]

    def _step(self, check: CheckConfig, data: "Dataset | None") -> Step:
        cls = find(check.id)
        if not issubclass(cls, Check):
            raise Problem("the id of a check", f"{check.id!r}, which is a defense", "See `tiltyard checks`")
        given: dict[str, Any] = check.model_extra or {}
        return named(cls, given, {"seed": self.seed, **overrides(cls, self.profile, data)})

    def opened(self) -> "tuple[Target, Dataset]":
        """The target and the data, opened and read."""
        me().must("run")
        audit.ready()
        target, data = self._whole()
        facts = {"model": target.name, "from": self.target.sample or self.target.file or target.origin, "data": data.name}
        audit.note("model opened", target.fingerprint, facts | {"data_fingerprint": data.fingerprint})
        return target, self._chosen(target, data)

    def offered(self, rows: "Dataset | None" = None) -> "tuple[Target, Dataset]":
        """As `opened`, for whoever comes: nobody's role is asked for and no log says whose it is. ``rows`` are the data file's, where they were read before."""
        self._known_rows = rows
        target, data = self._whole()
        return target, self._chosen(target, data)

    @property
    def last_read(self) -> "Dataset | None":
        """The rows of the data file as they were last read, before a cohort or a sample was taken; None where none were read yet."""
        return self._last_read

    def rows(self) -> "Dataset":
        """The data alone; the model need not be there yet."""
        me().must("run")
        if sample := self.data.sample or self.target.sample:
            return self._sample_data(sample)
        if not self.data.file:
            raise Problem("data", "no file or sample under [data]", 'Add file = "rows.csv" under [data]')
        return self._read(None)

    def _whole(self) -> "tuple[Target, Dataset]":
        target, data = self._pair()
        data = data.hoping(self.data.favorable)
        return target, data if self.data.relations is None else data.relating(self.data.relations)

    def _chosen(self, target: "Target", data: "Dataset") -> "Dataset":
        """The rows that the file asks for: its cohort, and so many of it."""
        import numpy as np

        data = self._cohort(data, target)
        if self.data.rows is None or self.data.rows >= len(data):
            return data
        return data.sample(self.data.rows, np.random.default_rng(self.seed))

    def _cohort(self, data: "Dataset", target: "Target") -> "Dataset":
        """The rows of the cohort that the file names; all of them where it names none."""
        wanted = self.data.cohort
        return data if wanted is None else data.cohort(kept(data.fingerprint, wanted) if isinstance(wanted, str) else wanted, target)

    def _pair(self) -> "tuple[Target, Dataset]":
        if self.target.sample:
            return self._sample()
        if self.target.url:
            return self._with_data(self.target.url)
        source = self._path(self.target.file)
        if not source.exists():
            raise Problem("a model file or a Hugging Face folder", f"none at {source}", "Check the path (--model, or file under [target])")
        if is_sealed(source):
            self._sealed = key_for(self._path(self.target.key_file) if self.target.key_file else "")
        return self._with_data(source)

    def _with_data(self, source: "Path | str") -> "tuple[Target, Dataset]":
        from ..targets.open_options import SchemaMissing
        from ..targets.proof import prove

        if not (self.data.file or self.data.sample):
            raise Problem(
                "data for a model that does not ship with any", "no file or sample under [data]", 'Add file = "rows.csv" under [data]'
            )
        if self.data.sample:
            data = self._sample_data(self.data.sample)
            return self._open(source, data), data
        try:
            target = self._open(source, None)
        except SchemaMissing as lacking:
            data = self._read(None, lacking)
            target = self._open(source, data)
            return target, data.classed(target.classes)
        data = self._read(target)
        prove(target, data)
        return target, data

    def _sample(self) -> "tuple[Target, Dataset]":
        from ..samples.catalog import load as load_sample
        from ..targets.opening import open_target

        sample = load_sample(self.target.sample)
        given = self.target
        target = open_target(sample.target, threshold=given.threshold, positive=given.positive, behind=self._behind)
        if self.data.file:
            return target, self._read(target)
        data = self._sample_data(self.data.sample) if self.data.sample else sample.data
        return target, data

    def _sample_data(self, name: str) -> "Dataset":
        from ..samples.catalog import data_names, load_data

        if name not in data_names():
            raise Problem(f"sample data ({', '.join(data_names())})", repr(name), "Choose one of these")
        return load_data(name)

    def _open(self, source: "Path | str", data: "Dataset | None") -> "Target":
        from ..targets.http.line import key_in
        from ..targets.opening import open_target

        given = self.target
        return open_target(
            source,
            classes=given.classes or None,
            architecture=self._path(given.architecture) if given.architecture else None,
            factory=given.factory or None,
            name=given.name,
            outputs=given.outputs,
            threshold=given.threshold,
            positive=given.positive,
            feeds=given.feeds,
            data=data,
            key=key_in(given.key_env),
            judge_key=key_in(given.judge_key_env),
            budget=given.budget,
            sealed=self._sealed,
            behind=self._behind,
        )

    @property
    def _behind(self) -> "list[Path]":
        return [self._path(text) for text in self.target.behind]

    def _read(self, target: "Target | None", lacking: "SchemaMissing | None" = None) -> "Dataset":
        from ..datasets.proposing import propose
        from ..datasets.reading import read, read_table

        if self._known_rows is not None:
            return self._known_rows
        given = self.data
        label, sensitive = given.label, given.sensitive
        if target is not None and self.target.url:  # an endpoint tells its features and classes, not what the label is called
            meant = propose(read_table(self._path(given.file)), label, (given.member,) if given.member else ()).schema
            label, sensitive = meant.label, meant.sensitive if sensitive is None else sensitive
        self._last_read = read(
            self._path(given.file),
            schema=None if target is None else target.schema,
            label=label,
            sensitive=sensitive,
            member=given.member,
            name=given.name,
            leave_out=given.leave_out,
            take=given.take,
            features=given.features,
            wanted=lacking.columns if lacking is not None else (),
            classes=lacking.classes if lacking is not None else (),
            size=given.size,
            texts=lacking is not None and lacking.texts and not given.take,
            fit=lacking.size if lacking is not None else None,
        )
        return self._last_read

    def _path(self, text: str) -> Path:
        path = Path(text).expanduser()
        return path if path.is_absolute() else self.folder / path

    def files(self) -> dict[str, tuple[Path, ...]]:
        """The files that are read, by the key that names each: ``target.file``, ``target.architecture``, ``target.behind``, ``data.file``."""
        named = {
            "target.file": (self.target.file,),
            "target.architecture": (self.target.architecture,),
            "target.behind": self.target.behind,
            "data.file": (self.data.file,),
        }
        return {key: tuple(self._path(text) for text in texts if text) for key, texts in named.items()}


def read_config(path: str | Path) -> Config:
    """An assessment from TOML; one line where it is not one."""
    place = Path(path)
    config = checked(Config, load(place, "an assessment file"), place.name)
    config._folder = place.absolute().parent
    return config
