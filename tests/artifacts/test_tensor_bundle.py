"""The index of a TensorFlow checkpoint: one that TensorFlow 2.21 wrote, and what it says of the file beside it."""

import base64
import zlib
from pathlib import Path

from tiltyard.artifacts.verdict import scan_content
from tiltyard.published.scanning import scanned

INDEX = zlib.decompress(base64.b85decode(
    'c-'
    'muNVB=tvV&Y(Akl~Ma_HcFf4)FK%3vqPvagFzP@^W<!iFXfj4DjG!7h+IY!J;vl({%DK?H`O<;)yvq@nwlcnTbg`sm1yR`g)EbAwix_p&_op`eBYio?s)w9D'
    'PDvIT(dFgqS#3fS5yJ4wFU$qp8Y2T^)WIAw&GSKsuNe<}hpUn9g*x<ppXmBCLT!VFj~>g6XgS*ZKKn#Ec2Mivw)S31*E1QycyBp$uvwq<ahICoZD=#G%l@2z'
    '4SC0Y7nqH83eGVAK#WWwtqbjf(_7ZD54@322K6F+n|n2^!Q4K)?thl+*Zr!8r#$E!@Ds$Xw1ap9L-!YkF$t5*Ch)Ec^@vLHO^6Zk1B^+W=j<iz)'
))  # fmt: skip
SIZE = 1723


def written(folder: Path, index: bytes, size: int) -> dict[str, str]:
    (folder / "variables.index").write_bytes(index)
    (folder / "variables.data-00000-of-00001").write_bytes(b"\xfe" * size)
    return {Path(one.path).name: one.verdict.verdict if one.kind == "model" and one.verdict else one.kind for one in scanned([folder])}


def test_the_index_is_safe_and_accounts_for_its_data(tmp_path: Path) -> None:
    assert written(tmp_path, INDEX, SIZE) == {"variables.data-00000-of-00001": "weights", "variables.index": "safe"}


def test_data_that_the_index_does_not_account_for_are_unproven(tmp_path: Path) -> None:
    assert written(tmp_path, INDEX, SIZE + (1 << 20))["variables.data-00000-of-00001"] == "unproven"
    assert written(tmp_path, INDEX, SIZE // 2)["variables.data-00000-of-00001"] == "unproven"


def test_an_index_that_breaks_off_or_is_altered_is_unproven() -> None:
    assert scan_content("variables.index", INDEX[:60] + INDEX[70:]).verdict == "unproven"
    assert scan_content("variables.index", INDEX[:-48] + b"\xff" * 40 + INDEX[-8:]).verdict == "unproven"
