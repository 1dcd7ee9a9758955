"""What the process that scanned said, as the API's answer; what it did not come to is said too."""

from tiltyard.published.listing import ScannedFile

from .forms import ScanAnswer
from .work import Answer


def answer(said: Answer) -> ScanAnswer:
    """Every file with its verdict, or with why it has none."""
    head = said.first("a scan")
    files = [ScannedFile.model_validate(line["file"]) for line in said.lines[1:]]
    missed = head["names"][len(files) :]
    why = str(said.ended("a scan")) if missed else ""
    files += [ScannedFile(path=name, verdict=None, problem=why) for name in missed]
    return ScanAnswer(files=tuple(files), left_out=head["left_out"], remark=head["remark"])
