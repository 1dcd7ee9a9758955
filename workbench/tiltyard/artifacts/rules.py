"""What a scan looks for: each rule by an id that stays, with its severity, its weakness (CWE), technique (MITRE ATLAS) and known cases.

Every advisory that is named was held against the public text of it on 2026-12-01 and is a case of this very rule; a rule without one has none
that was confirmed.
"""

from dataclasses import dataclass
from typing import Literal

from ..lean import Lean
from .reason import Reason
from .verdict import Verdict

Severity = Literal["note", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("note", "low", "medium", "high", "critical")
UNSAFE_ARTIFACT = "AML.T0011.000"
MADE_BY_OTHERS = "AML.T0010.003"


@dataclass(frozen=True, kw_only=True)
class Rule(Lean):
    """A kind of thing found. ``sentence`` needs no prior knowledge; ``details`` says how it works, ``fix`` what to do."""

    id: str
    title: str
    severity: Severity
    sentence: str
    details: str
    fix: str
    cwe: tuple[str, ...] = ()
    atlas: tuple[str, ...] = (UNSAFE_ARTIFACT,)
    advisories: tuple[str, ...] = ()


_SAVE = "Get the weights alone, as safetensors or ONNX, from whoever made the model."
_LOOK = "Look at the import that is named. If it is your own, add it to your team's list; else convert the model where it was made."
_ROWS = (
    Rule(id="runs-code", title="It runs code when it is opened", severity="critical", sentence="Opening this file starts a program that somebody hid in it.",
         details="The file names a function that runs commands or code, opens files or sockets, or unpickles further bytes, and its usual reader calls it.",
         fix=f"Do not open it. {_SAVE}", cwe=("CWE-502",), advisories=("CVE-2025-1716", "CVE-2025-32434")),
    Rule(id="not-proven", title="Not shown to be safe", severity="medium", sentence="Nobody could show that this file is harmless, so treat it as if it were not.",
         details="It has something that no reader here knows, or it is cut off or altered. What is not shown to be safe is never called safe.",
         fix=_LOOK, cwe=("CWE-502",)),
    Rule(id="known-types", title="Known types in a pickle", severity="low",
         sentence="This file holds only ordinary parts of well-known libraries, but of a kind that runs code when it is opened.",
         details="Every class and function is on the list of those that scikit-learn, NumPy and their like need, with arguments that were looked at.",
         fix="Open it after a look, in the bounded process that Tiltyard starts for it, or accept it by its hash.", cwe=("CWE-502",)),
    Rule(id="two-formats", title="Two files in one", severity="high", sentence="This file looks like one thing to one program and like another thing to the next.",
         details="A zip, a tar, a pickle or an HDF5 file lies in or behind a file of another format; another reader would open that one.",
         fix=_SAVE, cwe=("CWE-436", "CWE-502")),
    Rule(id="name-lies", title="The name says something else", severity="medium", sentence="The file's name promises another kind of file than it is.",
         details="A program that goes by the name would read it as something else than what was judged.", fix="Name it for what it is.",
         cwe=("CWE-646",), advisories=("CVE-2025-1889", "CVE-2025-10155")),
    Rule(id="archive-deceives", title="An archive that deceives or escapes", severity="high",
         sentence="Unpacking this file would write where it should not, or show two programs two different things.",
         details="Names that leave the folder, the same name twice, entries that overlap, headers that disagree.", fix=_SAVE, cwe=("CWE-22", "CWE-436"),
         advisories=("CVE-2024-5187", "CVE-2025-1944", "CVE-2025-1945", "CVE-2025-10156")),
    Rule(id="path-outside", title="It reads or writes outside its folder", severity="high", sentence="This file asks for another file somewhere else on your computer.",
         details="A path in it is absolute, climbs with '..', is a link, or is an address on the network.", fix=_SAVE, cwe=("CWE-22", "CWE-59"),
         advisories=("CVE-2024-27318",)),
    Rule(id="remote-code", title="It brings Python of its own", severity="high",
         sentence="This model works only with a program that comes with it, and that program could do anything.",
         details="config.json has auto_map or custom_pipelines: with trust_remote_code=True, transformers imports the .py files beside the weights or from the Hub.",
         fix="Read the .py files named, pin their revision, or take a model that transformers itself knows.", cwe=("CWE-829", "CWE-94"), atlas=(MADE_BY_OTHERS,),
         advisories=()),
    Rule(id="template-code", title="A chat template that does more than text", severity="high",
         sentence="The pattern that puts a chat together tries to reach the program around it.",
         details="Jinja that reaches attributes with underscores, includes files or calls what tokenizers do not offer; outside a sandbox it runs code.",
         fix="Use the template of the model this one was made from.", cwe=("CWE-1336",), advisories=("CVE-2024-34359", "CVE-2026-5760")),
    Rule(id="target-runs", title="A configuration that calls what it names", severity="critical", sentence="A settings file starts a program by its name.",
         details="Hydra's instantiate imports and calls `_target_`; this one runs commands or code.", fix="Do not open it.", cwe=("CWE-470", "CWE-94"),
         advisories=("CVE-2025-23304",)),
    Rule(id="target-unknown", title="A configuration that imports what is not known", severity="medium", sentence="A settings file asks for a part that nobody here knows.",
         details="Hydra's instantiate imports and calls `_target_`.", fix=_LOOK, cwe=("CWE-470",)),
    Rule(id="yaml-python", title="YAML that makes Python objects", severity="critical", sentence="A settings file starts a program when it is read.",
         details="A tag !!python/…, which PyYAML's unsafe loaders import and call.", fix="Do not open it; read YAML with safe_load.", cwe=("CWE-502",),
         advisories=("CVE-2020-14343",)),
    Rule(id="keras-lambda", title="A Lambda layer", severity="critical", sentence="A part of this model is a program that starts when the model is opened.",
         details="Keras keeps the layer's function as marshaled bytecode.", fix="Have the layer written as a class of its own, or export to ONNX.", cwe=("CWE-502", "CWE-94"),
         advisories=("CVE-2024-3660", "CVE-2025-9905")),
    Rule(id="keras-import", title="Keras would import what runs code", severity="critical", sentence="Opening this model starts a program by its name.",
         details="A layer's module and class name a function that runs commands or code.", fix="Do not open it.", cwe=("CWE-502", "CWE-470"), advisories=("CVE-2025-1550", "CVE-2025-8747")),
    Rule(id="keras-custom", title="A custom object of Keras", severity="medium", sentence="A part of this model exists only in somebody's own program.",
         details="Keras can make it only with code that comes from elsewhere.", fix="Read that code, or export to ONNX.", cwe=("CWE-829",)),
    Rule(id="keras-file", title="Keras would read a file", severity="high", sentence="Opening this model reads another file of your computer.",
         details="A lookup layer's vocabulary is a path.", fix="Have the vocabulary saved in the model.", cwe=("CWE-73", "CWE-918"), advisories=("CVE-2025-12058",)),
    Rule(id="keras-pickle", title="A pickle in a Keras layer", severity="critical", sentence="A part of this model runs when it is opened.",
         details="TorchModuleWrapper keeps a whole torch module as a pickle.", fix=_SAVE, cwe=("CWE-502",)),
    Rule(id="hdf5-external", title="HDF5 that leads to another file", severity="high", sentence="Opening this file reads another file of your computer.",
         details="An external link, external storage or a virtual data set.", fix=_SAVE, cwe=("CWE-73",), advisories=("CVE-2026-1669",)),
    Rule(id="hdf5-filter", title="A filter that is a plugin", severity="medium", sentence="Reading this file loads a further program.",
         details="HDF5 looks for a shared library for filters that are not its own.", fix="Save it with gzip or without compression.", cwe=("CWE-829",)),
    Rule(id="hdf5-pickle", title="A pickle in HDF5", severity="high", sentence="A part of this file may run when it is read with PyTables or pandas.",
         details="PyTables unpickles such attributes and data sets.", fix=_SAVE, cwe=("CWE-502",)),
    Rule(id="savedmodel-python", title="A graph that calls Python", severity="high", sentence="This model starts a Python function when it runs.",
         details="PyFunc and EagerPyFunc call functions of the process.", fix="Have the model exported without tf.py_function.", cwe=("CWE-94",)),
    Rule(id="savedmodel-files", title="A graph that reads or writes files", severity="high", sentence="This model reads or writes files when it runs.",
         details="Operators such as ReadFile and WriteFile take any path.", fix="Have the model exported without them.", cwe=("CWE-73",)),
    Rule(id="savedmodel-operator", title="An operator that is not known", severity="medium", sentence="A part of this model is not known here.",
         details="It is none of those operators that are known to compute alone.", fix=_LOOK),
    Rule(id="tflite-flex", title="TensorFlow within TensorFlow Lite", severity="medium", sentence="This small model calls for the whole of TensorFlow.",
         details="Flex operators run any TensorFlow kernel, those that read and write files too.", fix="Convert it with built-in operators alone."),
    Rule(id="tflite-custom", title="A custom operator of TensorFlow Lite", severity="medium", sentence="A part of this model is a program from elsewhere.",
         details="Native code that is registered by the program that opens it.", fix="Convert it with built-in operators alone."),
    Rule(id="coreml-custom", title="A custom layer of Core ML", severity="medium", sentence="A part of this model is a program from elsewhere.",
         details="A class of the program that opens it, or another model.", fix="Convert it with Core ML's own layers alone."),
    Rule(id="openvino-extension", title="An extension of OpenVINO", severity="medium", sentence="A part of this model is a program from elsewhere.",
         details="A layer of no operator set of OpenVINO; a shared library computes it.", fix="Convert it with OpenVINO's own layers alone.", cwe=("CWE-829",)),
    Rule(id="pmml-class", title="A class of Java in PMML", severity="medium", sentence="A part of this model is a program from elsewhere.",
         details="JPMML loads a Java class for a function with such a name.", fix="Write the function in PMML.", cwe=("CWE-470",)),
    Rule(id="xml-entity", title="XML that fetches or swells", severity="high", sentence="Reading this file would open other files or fill the memory.",
         details="External entities, entities within entities, XInclude.", fix=_SAVE, cwe=("CWE-611", "CWE-776")),
    Rule(id="rds-promise", title="A promise in R data", severity="critical", sentence="Touching what is in this file starts a program.",
         details="R evaluates a promise as soon as the value is used.", fix="Do not open it; R before 4.4.0 runs it at readRDS.", cwe=("CWE-502",), advisories=("CVE-2024-27322",)),
    Rule(id="mlflow-code", title="An MLflow model with code", severity="high", sentence="This model comes with a program that runs when it is loaded.",
         details="MLmodel names a loader module, code paths or a pickled python_model.", fix="Load it by its own flavor, after its files were judged.", cwe=("CWE-829", "CWE-502"),
         advisories=("CVE-2024-37054",)),
    Rule(id="mar-handler", title="A TorchServe archive with a handler", severity="high", sentence="This archive comes with a program that runs when it is served.",
         details="MAR-INF/MANIFEST.json names a Python handler, a module that makes the model, or files that the archive has not.", fix="Read the handler first.", cwe=("CWE-829",)),
    Rule(id="code", title="Code", severity="low", sentence="This is a program. It runs only where somebody runs it.",
         details="A notebook or a script; nobody loads it as a model.", fix="Read it before you run it.", atlas=()),
    Rule(id="hidden-program", title="A program where none belongs", severity="medium", sentence="A text in this file is a program, or a pickle in another writing.",
         details="Reading the file runs none of it; a program that unpacks the text would.", fix=_LOOK, cwe=("CWE-506",)),
    Rule(id="install-source", title="Packages from elsewhere", severity="medium", sentence="Installing what this lists fetches programs from an address of its own.",
         details="A URL, a repository, or an index of its own in a list of packages.", fix="Install from the index you trust.", cwe=("CWE-829",)),
    Rule(id="not-judged", title="Not judged", severity="medium", sentence="This was not looked at.", details="It could not be read, or it is a link that leads outside the folder.",
         fix="Scan what it leads to.", atlas=()),
)  # fmt: skip
RULES: dict[str, Rule] = {rule.id: rule for rule in _ROWS}
"""Every rule by its id."""

_OF_GRADE = {"malicious": "runs-code", "unproven": "not-proven", "known types": "known-types", "note": ""}


def rule_of(reason: Reason) -> str:
    """The id of the rule a reason falls under; none for a note."""
    return reason.rule if reason.rule in RULES or reason.grade == "note" else _OF_GRADE[reason.grade]


def ruled(verdict: Verdict) -> Verdict:
    """The verdict with the rule of every reason said."""
    return verdict.model_copy(update={"reasons": tuple(r.model_copy(update={"rule": rule_of(r)}) for r in verdict.reasons)})


def severity_of(reason: Reason) -> Severity:
    """How grave a reason is: its rule's severity; what is malicious is at least high, what is merely unproven at most high."""
    if reason.grade == "note":
        return "note"
    rank = SEVERITIES.index(RULES[rule_of(reason)].severity)
    return SEVERITIES[max(rank, 3) if reason.grade == "malicious" else min(rank, 3)]
