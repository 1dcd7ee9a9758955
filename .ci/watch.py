"""``make watch``: after a change, the tests of what changed, until Ctrl-C."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Where the tests of a source root stand; below it the folders have the same names.
TESTS = {Path("workbench/tiltyard"): Path("tests"), Path("widgets/tiltyard_widgets"): Path("tests/widgets")}


def tests_of(changed: Path) -> Path | None:
    """The test file or folder to run after ``changed``, both relative to the checkout; None where it has none."""
    if changed.suffix != ".py":
        return None
    if changed.parts[0] == "tests":
        return changed if changed.name.startswith("test_") else changed.parent
    for root, tests in TESTS.items():
        if changed.is_relative_to(root):
            here = tests / changed.relative_to(root).parent
            own = here / f"test_{changed.stem.lstrip('_')}.py"
            return (
                own
                if (ROOT / own).exists()
                else next(
                    (f for f in (here, *here.parents) if f != Path("tests") and f.is_relative_to("tests") and (ROOT / f).is_dir()), None
                )
            )
    return None


def run(changed: Iterable[Path]) -> None:
    """Run the tests of these files, those that are slow or need a browser left out."""
    if wanted := sorted({str(tests) for path in changed if (tests := tests_of(path))}):
        subprocess.run([sys.executable, "-m", "pytest", "--quiet", "-m", "not slow and not ui", *wanted], cwd=ROOT, check=False)


def main() -> None:
    """Wait for changes below the sources and the tests, and run what belongs to them."""
    from watchfiles import PythonFilter, watch

    folders = [ROOT / folder for folder in ("workbench", "widgets/tiltyard_widgets", "tests")]
    for changes in watch(*folders, watch_filter=PythonFilter(), raise_interrupt=False):
        run(Path(path).relative_to(ROOT) for _, path in changes)


if __name__ == "__main__":
    main()
