"""What the scanning process wrote, as the API's answer; files it did not come to are named too."""

from tiltyard.published.scan_list import ScannedFile

from .forms import ScanAnswer
from .work import WorkerOutput


def answer(output: WorkerOutput) -> ScanAnswer:
    """Every file with its verdict, or with why it has none."""
    head = output.first("a scan")
    files = [ScannedFile.model_validate(line["file"]) for line in output.lines[1:]]
    missed = head["names"][len(files) :]
    why = str(output.ended("a scan")) if missed else ""
    files += [ScannedFile(path=name, verdict=None, problem=why) for name in missed]
    return ScanAnswer(files=tuple(files), left_out=head["left_out"], remark=head["remark"])
