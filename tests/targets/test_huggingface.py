"""A Hugging Face folder: answered as transformers' own pipeline answers, and refused by name where it asks for code or pickles."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.targets.meeting import meet
from tiltyard.targets.open_options import SchemaMissing
from tiltyard.targets.opening import open_target

pytest.importorskip("transformers", reason="transformers is not installed (tiltyard[huggingface])")
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] good great fine lovely superb bad awful poor dull sad".split() + [f"word{i}" for i in range(50)]
CLASSES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers at random, classes neg and pos, of at most 24 tokens."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("bert")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 24}
    config = BertConfig(vocab_size=len(WORDS), id2label={0: "neg", 1: "pos"}, label2id={"neg": 0, "pos": 1}, **sizes)
    model = BertForSequenceClassification(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, std=0.0 if name.endswith("bias") else 0.5)  # answers that differ from row to row
    model.save_pretrained(place)
    BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT of one small layer at random, three classes, which takes 8 × 8 in three channels, normalized."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("vit")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 8, "patch_size": 4}
    config = ViTConfig(id2label=dict(enumerate(CLASSES)), label2id={c: i for i, c in enumerate(CLASSES)}, **sizes)
    model = ViTForImageClassification(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, std=0.0 if name.endswith("bias") else 0.3)
    model.save_pretrained(place)
    ViTImageProcessorPil(size={"height": 8, "width": 8}, image_mean=[0.4, 0.5, 0.6]).save_pretrained(place)
    return place


def reviews(n: int = 60) -> Any:
    import pandas as pd

    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS[5:], rng.integers(1, 30))) for _ in range(n)]
    return pd.DataFrame({"review": texts, "gender": rng.choice(["f", "m"], n), "label": rng.choice(["neg", "pos"], n)})


def photos(n: int = 24, height: int = 8, width: int = 8) -> Any:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 3, height, width)).astype(np.uint8), np.array(CLASSES)[np.arange(n) % 3]


def changed(folder: Path, place: Path, name: str, **keys: Any) -> Path:
    """A copy of the folder at ``place`` with these keys in one of its files of JSON."""
    shutil.copytree(folder, place)
    content = json.loads((place / name).read_text()) | keys
    (place / name).write_text(json.dumps(content))
    return place


def pipeline(task: str, place: Path, rows: list[Any], **more: Any) -> list[dict[str, float]]:
    """What transformers answers without us: the scores of each row by class."""
    from transformers import pipeline as made

    beside = {"tokenizer": str(place)} if task.startswith("text") else {"image_processor": str(place)}
    found = made(task, model=str(place), device="cpu", **beside)(rows, **more)
    return [{answer["label"]: answer["score"] for answer in row} for row in found]


def test_texts_are_answered_as_by_the_pipeline(texts: Path) -> None:
    frame = reviews()
    target, data = meet(texts, frame)
    own = pipeline("text-classification", texts, frame.review.tolist(), top_k=None, truncation=True, max_length=24)
    assert target.scores(data.x) == pytest.approx(np.array([[row["neg"], row["pos"]] for row in own]), abs=1e-5)
    assert len(np.unique(target.labels(data.x))) == 2
    assert target.offers == {"labels", "scores", "file"}
    assert not target.doubts and any("as by itself" in note for note in target.assumptions)
    assert any("cut after 24 tokens" in note and "0 of" not in note for note in target.assumptions)
    assert "'review' is the text" in " ".join(data.assumed) and list(data.sensitive) == ["gender"]


def test_classes_are_met_by_value(texts: Path, tmp_path: Path) -> None:
    turned = changed(texts, tmp_path / "turned", "config.json", id2label={"0": "pos", "1": "neg"}, label2id={"pos": 0, "neg": 1})
    frame = reviews()
    one, data = meet(texts, frame)
    other, same = meet(turned, frame)
    assert one.scores(data.x)[:, [1, 0]] == pytest.approx(other.scores(same.x))
    assert not other.doubts


def test_names_that_say_nothing_are_numbers(texts: Path, tmp_path: Path) -> None:
    unnamed = changed(texts, tmp_path / "unnamed", "config.json", id2label={"0": "LABEL_0", "1": "LABEL_1"}, label2id={})
    frame = reviews()
    with pytest.raises(Problem, match="a model of the classes neg, pos; found the model of 0, 1"):
        meet(unnamed, frame)
    target, data = meet(unnamed, frame.assign(label=(frame.label == "pos").astype(int)))
    same, rows = meet(texts, frame)
    assert np.array_equal(target.labels(data.x), same.labels(rows.x))


def test_a_table_without_text_is_refused(texts: Path) -> None:
    import pandas as pd

    table = pd.DataFrame({"a": np.arange(30.0), "label": ["neg", "pos"] * 15})
    with pytest.raises(Problem, match="a column of text, which the model takes"):
        meet(texts, table)
    with pytest.raises(SchemaMissing) as lacking:
        open_target(texts)
    assert lacking.value.texts and lacking.value.classes == ("neg", "pos")


def test_images_are_answered_as_by_the_pipeline_with_gradients(pictures: Path) -> None:
    import torch
    from PIL import Image

    x, y = photos()
    target, data = meet(pictures, (x, y))
    own = pipeline("image-classification", pictures, [Image.fromarray(one.transpose(1, 2, 0)) for one in x], top_k=3)
    assert target.scores(data.x) == pytest.approx(np.array([[row[c] for c in target.classes] for row in own]), abs=1e-5)
    assert not target.doubts and any("as by itself" in note for note in target.assumptions)
    z = torch.from_numpy(data.x[:2]).requires_grad_()
    logits = target.module(z)
    (slope,) = torch.autograd.grad(logits[0, 0], z)
    step = torch.zeros_like(z)
    step[0, 1, 3, 4] = 1e-2
    moved = float((target.module(z + step) - target.module(z - step)).detach()[0, 0] / 2e-2)
    assert float(slope[0, 1, 3, 4]) == pytest.approx(moved, rel=0.05, abs=1e-3)


def test_images_of_another_size_are_resized_as_the_processor_does(pictures: Path) -> None:
    target, data = meet(pictures, photos(height=20, width=12))
    assert not target.doubts and any("Images of 20 × 12 are resized" in note for note in target.assumptions)
    assert np.ptp(target.scores(data.x), axis=0).max() > 0.05


def test_a_processor_that_is_misread_is_doubted(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.targets.huggingface import opening

    read = opening._settings
    monkeypatch.setattr(opening, "_settings", lambda folder: read(folder) | {"image_mean": [0.0, 0.0, 0.0]})
    target, _ = meet(pictures, photos())
    assert any("rows are labeled otherwise here than by the model itself" in doubt for doubt in target.doubts)


@pytest.mark.parametrize(
    ("name", "keys", "found"),
    [
        ("config.json", {"auto_map": {"AutoModel": "modeling.Evil"}}, "'auto_map' in config.json, which runs code"),
        ("config.json", {"custom_pipelines": {"x": {"impl": "pipe.Evil"}}}, "'custom_pipelines' in config.json"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["t.Evil", None]}}, "'auto_map' in tokenizer_config.json"),
        ("tokenizer_config.json", {"tokenizer_class": "EvilTokenizer"}, "'EvilTokenizer'"),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}, "a quantized one"),
        ("config.json", {"architectures": ["BertModel"]}, "BertModel of type 'bert'"),
        ("config.json", {"model_type": "no_such"}, "of type 'no_such'"),
        ("config.json", {"problem_type": "multi_label_classification"}, "multi-label-classification"),
        ("config.json", {"id2label": {"0": "LABEL_0"}}, "one of regression"),
        ("config.json", {"num_hidden_layers": 10**9}, "num_hidden_layers 1000000000"),
        ("config.json", {"vocab_size": 10**9}, "a config.json of one of 16,0"),
        ("config.json", {"num_hidden_layers": 3}, "lacking in"),
    ],
)
def test_what_is_not_opened_is_refused_by_name(texts: Path, tmp_path: Path, name: str, keys: dict[str, Any], found: str) -> None:
    with pytest.raises(Problem, match=found):
        meet(changed(texts, tmp_path / "other", name, **keys), reviews())


def test_a_base_model_without_its_head_is_refused(texts: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    place = changed(texts, tmp_path / "headless", "config.json")
    weights = load_file(place / "model.safetensors")
    save_file({k: v for k, v in weights.items() if not k.startswith("classifier")}, place / "model.safetensors")
    with pytest.raises(Problem, match=r"classifier.bias, classifier.weight \(2 in all\) lacking"):
        meet(place, reviews())


def test_weights_in_a_pickle_are_refused_with_the_way_on(texts: Path, tmp_path: Path) -> None:
    place = changed(texts, tmp_path / "pickled", "config.json")
    (place / "model.safetensors").rename(place / "pytorch_model.bin")
    with pytest.raises(Problem, match=r"pytorch_model\.bin, weights as a pickle.*save_pretrained"):
        meet(place, reviews())


def test_a_tokenizer_cannot_name_a_file_elsewhere(texts: Path, tmp_path: Path) -> None:
    """A path under vocab_file would be read from anywhere on the disk."""
    place = changed(texts, tmp_path / "elsewhere", "tokenizer_config.json", vocab_file="/etc/hostname", tokenizer_file="/etc/hostname")
    one, data = meet(place, reviews())
    same, rows = meet(texts, reviews())
    assert np.array_equal(one.scores(data.x), same.scores(rows.x))


def test_nothing_is_asked_of_the_network(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: Any) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    meet(texts, reviews())


def test_a_folder_that_is_no_model_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"or a Hugging Face folder .*found .*a folder without config\.json"):
        open_target(tmp_path)
