"""Folders of images by class: what is read, at which size, and each that is refused by name."""

import os
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets import gallery, mapped
from tiltyard.datasets.reading import read
from tiltyard.errors import Problem


def picture(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def images(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), n: int = 3, side: int = 8, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    for name in classes:
        for i in range(n):
            picture(folder / name / f"{i}.png", rng.integers(0, 256, (side, side + 1, 3), np.uint8))
    return folder


def refused(source: Any, **given: Any) -> str:
    with pytest.raises(Problem) as caught:
        read(source, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_are_read_as_pillow_reads_them(tmp_path: Path) -> None:
    from PIL import Image

    data = read(images(tmp_path / "pets"))
    paths = sorted((tmp_path / "pets").rglob("*.png"))
    expected = np.stack([np.asarray(Image.open(p)).transpose(2, 0, 1) for p in paths])
    assert data.name == "pets"
    assert data.schema.classes == ("cat", "dog")
    assert data.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.x.dtype == np.float32
    np.testing.assert_array_equal(data.x, expected.astype(np.float32) / np.float32(255))
    assert data.schema.shape == (3, 8, 9)


def test_torchvision_order_of_classes_is_that_of_their_text(tmp_path: Path) -> None:
    data = read(images(tmp_path, ("10", "9", "2"), n=1))
    assert data.schema.classes == ("10", "2", "9")
    assert any("in the order of their names: 10, 2, 9" in said for said in data.assumed)


def test_images_that_are_all_gray_have_one_channel(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        picture(tmp_path / name / "1.png", rng.integers(0, 256, (4, 5), np.uint8))
    assert read(tmp_path).schema.shape == (1, 4, 5)
    picture(tmp_path / "a" / "2.jpg", rng.integers(0, 256, (4, 5, 3), np.uint8))
    data = read(tmp_path)
    assert data.schema.shape == (3, 4, 5)
    assert any("2 of 3 images were turned from gray to RGB" in said for said in data.assumed)


def test_other_sizes_are_counted_or_resized_where_a_size_is_named(tmp_path: Path) -> None:
    from PIL import Image

    images(tmp_path, side=8)
    odd = picture(tmp_path / "cat" / "odd.png", np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8))
    assert "6 of 8 × 9, 1 of 20 × 30" in refused(tmp_path)
    data = read(tmp_path, size=(8, 9))
    assert any("1 of 7 images had another size and were resized to 8 × 9" in said for said in data.assumed)
    expected = np.asarray(Image.open(odd).resize((9, 8), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(data.x[3] * 255, expected.astype(np.float32))


def test_the_shape_that_a_model_takes_is_made(tmp_path: Path) -> None:
    schema = read(images(tmp_path / "own", side=6)).schema
    gray = schema.model_copy(update={"features": (schema.features[0].model_copy(update={"shape": (1, 5, 5)}),)})
    data = read(images(tmp_path / "new", ("dog", "cat")), schema=gray)
    assert data.x.shape == (6, 1, 5, 5)
    assert data.schema.classes == ("cat", "dog")
    assert any("6 of 6 images had another size and were resized to 5 × 5" in said for said in data.assumed)
    assert any("6 of 6 images were turned from color to gray" in said for said in data.assumed)
    assert "as the model takes them" in refused(tmp_path / "new", schema=gray, size=(8, 9))


def test_train_and_test_say_which_were_trained_on(tmp_path: Path) -> None:
    images(tmp_path / "train", n=2)
    images(tmp_path / "val", n=1)
    data = read(tmp_path)
    assert data.member is not None
    assert data.member.tolist() == [True] * 4 + [False] * 2
    assert data.y.tolist() == [0, 0, 1, 1, 0, 1]
    assert data.schema.classes == ("cat", "dog")


def test_classes_that_are_called_train_and_test_are_classes(tmp_path: Path) -> None:
    assert read(images(tmp_path, ("test", "train"))).schema.classes == ("test", "train")


def test_what_is_no_picture_by_its_name_is_left_out_and_said(tmp_path: Path) -> None:
    images(tmp_path)
    (tmp_path / "README.md").write_text("pets")
    (tmp_path / "cat" / "notes.txt").write_text("cats")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "cow").mkdir()
    data = read(tmp_path)
    assert len(data) == 6
    assert data.schema.classes == ("cat", "cow", "dog")
    assert any("1 files that are no pictures by their names were left out: cat/notes.txt" in said for said in data.assumed)
    assert any("1 classes have no picture: cow" in said for said in data.assumed)


def test_folders_without_classes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "none in empty" in refused(tmp_path / "empty")
    assert "1 in one" in refused(images(tmp_path / "one", ("cat",)))
    images(tmp_path / "deep" / "animals")
    images(tmp_path / "deep" / "plants")
    assert "the folder cat in animals" in refused(tmp_path / "deep")
    assert "give the folder that holds" in refused(tmp_path / "one" / "cat" / "0.png")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(side: int) -> bytes:
    """A PNG of black pixels, a thousandth of what it claims."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1 + side) * 64, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "bad.png"),
        (b"no picture", "bad.png"),
        (b"GIF89a" + bytes(50), "bad.png"),
        (b"\x80\x04.", "bad.png"),
        (bomb(8_000), "8,000 × 8,000 in cat/bad.png"),
        (bomb(60_000), "bad.png"),
        (bomb(8), "6 of 8 × 9, 1 of 8 × 8"),
    ],
)
def test_hostile_files_are_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    images(tmp_path)
    (tmp_path / "cat" / "bad.png").write_bytes(content)
    assert words in refused(tmp_path)


def test_a_truncated_picture_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as WeasyPrint does
    images(tmp_path, side=40)
    path = tmp_path / "dog" / "1.png"
    path.write_bytes(path.read_bytes()[:1500])
    assert "dog/1.png, which is none or is not whole" in refused(tmp_path)


def test_more_than_8_bits_and_several_frames_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    images(tmp_path / "deep")
    picture(tmp_path / "deep" / "cat" / "deep.png", np.full((8, 9), 40_000, np.uint16))
    assert "more in cat/deep.png" in refused(tmp_path / "deep")
    images(tmp_path / "moving")
    frames = [Image.fromarray(np.full((8, 9, 3), v, np.uint8)) for v in (0, 90)]
    frames[0].save(tmp_path / "moving" / "cat" / "moves.png", save_all=True, append_images=frames[1:])
    assert "several frames in cat/moves.png" in refused(tmp_path / "moving")


def test_transparency_is_dropped_and_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 9, 4), np.uint8)
    images(tmp_path)
    picture(tmp_path / "cat" / "a.png", pixels)
    data = read(tmp_path)
    np.testing.assert_array_equal(data.x[3] * 255, pixels[..., :3].transpose(2, 0, 1).astype(np.float32))
    assert any("transparency of 1 of 7 images was dropped" in said for said in data.assumed)


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    images(tmp_path)
    os.mkfifo(tmp_path / "cat" / "p.png")
    assert "p.png, which is no regular file" in refused(tmp_path)


def test_behind_a_shared_login_links_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.access import places
    from tiltyard.access.person import Person

    secret = images(tmp_path / "secret")
    own = images(tmp_path / "root" / "ann" / "pets")
    monkeypatch.setenv(places.DATA_ROOT, str(tmp_path / "root"))
    monkeypatch.setattr(places, "me", lambda: Person("ann", "analyst", shared=True))
    assert len(read(own)) == 6
    assert "another place on the server" in refused(secret)
    (own / "cat" / "link.png").symlink_to(secret / "cat" / "0.png")
    assert "another place on the server" in refused(own)
    (own / "cat" / "link.png").unlink()
    (own / "cow").symlink_to(secret / "dog")
    assert "another place on the server" in refused(own)


def test_too_many_are_sampled_from_every_class_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images(tmp_path, ("a", "b"), n=8)
    images(tmp_path, ("c",), n=1)
    monkeypatch.setattr(gallery, "LARGEST", 9 * 8 * 9 * 3 * gallery.BYTES)
    data = read(tmp_path)
    assert np.bincount(data.y).tolist() == [4, 4, 1]
    assert any("9 of 17 images were read, drawn from every class by its share (seed 0)" in said for said in data.assumed)
    assert read(tmp_path).fingerprint == data.fingerprint


def test_a_thousand_classes_need_a_part_of_their_size_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of 56 × 56 with limits of a sixteenth; benchmarks/images.py has those of 224 × 224."""
    monkeypatch.setattr(mapped, "IN_MEMORY", mapped.IN_MEMORY // 16)
    monkeypatch.setattr(mapped, "AT_ONCE", mapped.AT_ONCE // 16)
    colors = [np.full((56, 56, 3), (40 * i, 7, 250), np.uint8) for i in range(5)]
    made = [picture(tmp_path / "made" / f"{i}.png", color) for i, color in enumerate(colors)]
    for i in range(1000):
        (tmp_path / "all" / f"n{i:04}").mkdir(parents=True)
        for j in range(2):
            os.link(made[(i + j) % 5], tmp_path / "all" / f"n{i:04}" / f"{j}.png")
    tracemalloc.start()
    data = read(tmp_path / "all")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.x.shape == (2000, 3, 56, 56)
    assert len(data.schema.classes) == 1000
    assert peak < data.x.nbytes / 5
    np.testing.assert_array_equal(data.x[2 * 701 + 1][:, 0, 0] * 255, np.float32([40 * 2, 7, 250]))


def test_what_is_written_into_rows_of_a_file_stays_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "IN_MEMORY", 0)
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    found = mapped.stored([rows[:3], rows[3:]], (4, 3), np.float32)
    np.testing.assert_array_equal(found, rows)
    found[0] = 9
    assert found[0].tolist() == [9, 9, 9]
    assert type(found) is np.ndarray


def test_a_model_answers_on_them_as_its_library_does(tmp_path: Path) -> None:
    import torch

    from tiltyard.targets.opening import open_target

    data = read(images(tmp_path, ("a", "b", "c"), n=5))
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 6 * 7, 3)).eval()
    target = open_target(module, data=data)
    with torch.no_grad():
        expected = module(torch.from_numpy(np.array(data.x)))
    np.testing.assert_array_equal(target.labels(data.x), expected.argmax(1).numpy())
    np.testing.assert_allclose(target.scores(data.x), torch.softmax(expected.double(), 1).numpy(), atol=1e-6)
