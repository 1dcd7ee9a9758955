"""The notebooks run as they stand, in a kernel of their own."""

import re
import shutil
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.slow
def test_quickstart_runs(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    shutil.copy(NOTEBOOKS / "quickstart.ipynb", tmp_path)
    (tmp_path / "report.html").write_text("of the run before: a notebook is run again and again")
    book = nbformat.read(tmp_path / "quickstart.ipynb", as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert 10_000 < (tmp_path / "report.html").stat().st_size < 5_000_000
    said = "".join(o.get("text", "") for cell in book.cells for o in cell.get("outputs", []))
    assert "After Differentially private training" in said


@pytest.mark.slow
def test_a_memorizer_is_found_a_kept_promise_stands_and_a_broken_one_is_refuted(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    book = nbformat.read(NOTEBOOKS / "privacy.ipynb", as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(o.get("text", "") for cell in book.cells for o in cell.get("outputs", []))
    assert "members can be distinguished from others" in said and "the most of all columns measured" in said
    assert "claimed 1, not contradicted" in said and "claimed 1, which this refutes" in said


def test_notebooks_are_kept_without_outputs():
    import nbformat

    for path in NOTEBOOKS.rglob("*.ipynb"):
        book = nbformat.read(path, as_version=4)
        assert all(not cell.get("outputs") for cell in book.cells), path


@pytest.mark.slow
def test_an_open_endpoint_is_extracted_from_and_a_guarded_one_less(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    book = nbformat.read(NOTEBOOKS / "guarded_endpoint.ipynb", as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(o.get("text", "") for cell in book.cells for o in cell.get("outputs", []))
    assert "9 found something, 0 could not be asked" in said
    assert "12 of 13 probes passed, 0 found something" in said
    fidelity = dict(re.findall(r"(open|guarded): +(0\.\d+) \[", said))
    assert float(fidelity["open"]) > float(fidelity["guarded"])
    assert "after 2,000 rows" in said
    assert "after 92 rows" in said
    assert not re.search(r"ty_[\w-]{20}", nbformat.writes(book))
