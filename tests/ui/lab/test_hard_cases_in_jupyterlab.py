"""What goes wrong around JupyterLab is said in one line: a huge file, one that leads out, a kernel without Tiltyard, a store in trouble, no permission."""

import gzip
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from tiltyard.result import Identity
from tiltyard.store.store import Store

if TYPE_CHECKING:
    from conftest import Lab, Window

pytestmark = pytest.mark.slow


def test_a_file_of_five_gigabytes_does_not_freeze_the_page(window: "Window", lab: "Lab") -> None:
    """It gets its verdict, or a line that says that there was not time for one; meanwhile the page answers."""
    page = window.page
    with (lab.root / "huge.pt").open("wb") as file:
        os.truncate(file.fileno(), 5 << 30)  # sparse: it takes no room
    page.get_by_role("button", name="Refresh").first.click()
    window.scan("huge.pt")
    window.see("Scanning huge.pt …")
    assert page.evaluate("new Promise(done => requestAnimationFrame(() => done(1 + 1)))") == 2
    window.scan("good.pkl")  # another scan is not held up by it
    window.see("good.pkl: safe")
    window.see(re.compile(r"^huge.pt: (unproven\. |malicious\. |Expected .*in the time there is for it)"))
    (lab.root / "huge.pt").unlink()


def test_a_link_that_leads_out_is_refused_in_one_line(window: "Window", lab: "Lab") -> None:
    (lab.here / "outside.pkl").write_bytes(b"N.")
    (lab.root / "leads-out.pkl").symlink_to(lab.here / "outside.pkl")
    window.page.get_by_role("button", name="Refresh").first.click()
    window.scan("leads-out.pkl")
    window.see(re.compile("leads-out.pkl: Expected a path inside this server's files"))


def test_a_kernel_without_tiltyard_says_what_to_install(window: "Window") -> None:
    page = window.page
    page.locator(".jp-LauncherCard", has_text="Model security workbench").click()
    page.get_by_role("button", name="Load and probe").wait_for()  # of two kernels the default one: nobody was asked
    page.locator(".jp-Toolbar-kernelName").locator("visible=true").click()
    page.locator(".jp-Dialog select").select_option(label="Python without Tiltyard")
    page.get_by_role("button", name="Select Kernel").click()
    window.see("The kernel “Python without Tiltyard” has no Tiltyard. Install it there with “pip install tiltyard”.")
    assert page.get_by_text("ModuleNotFoundError").locator("visible=true").count() == 0


@contextmanager
def locked(lab: "Lab") -> Iterator[None]:
    """Another program holds the store."""
    with closing(sqlite3.connect(lab.store, isolation_level=None, timeout=60)) as holder:
        for line in ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE", "UPDATE runs SET verdict = verdict"):
            holder.execute(line)
        yield


@contextmanager
def missing(lab: "Lab") -> Iterator[None]:
    """The file is gone."""
    aside = lab.store.rename(lab.store.with_suffix(".aside"))
    yield
    aside.rename(lab.store)


@contextmanager
def homeless(lab: "Lab") -> Iterator[None]:
    """Its folder is gone."""
    home = lab.store.parent
    aside = home.rename(home.with_name("aside"))
    yield
    aside.rename(home)


@contextmanager
def damaged(lab: "Lab") -> Iterator[None]:
    """Nonsense lies where it was."""
    home = lab.store.parent
    aside = home.rename(home.with_name("aside"))
    home.mkdir()
    lab.store.write_bytes(b"no database at all, only text" * 100)
    yield
    shutil.rmtree(home)
    aside.rename(home)


@contextmanager
def shut(lab: "Lab") -> Iterator[None]:
    """Its folder may not be looked into."""
    lab.store.parent.chmod(0)
    yield
    lab.store.parent.chmod(0o755)


FAULTS = {
    locked: "found it locked by another program. Close it, or try again.",
    missing: "No run yet: the first one makes the store.",
    homeless: "found no way to open it. Make the folder, change its permissions, or set TILTYARD_STORE to another place.",
    damaged: "found a damaged file or one of another kind. Move it away, or set TILTYARD_STORE to another place.",
    shut: "found no permission. Change its permissions and its folder's, or set TILTYARD_STORE to another place.",
}


def test_a_store_in_trouble_is_said_in_one_line_and_its_return_too(window: "Window", lab: "Lab") -> None:
    """Each fault comes while the panel is open; the rest of JupyterLab works on; once it is put right all is there again without a reload."""
    page = window.page
    who = Identity(name="A model that is there", fingerprint=64 * "a")
    Store(str(lab.store)).begin("A run that is there", who, who)
    window.left("Model security")
    trouble, run = page.locator(".tiltyard-side .tiltyard-trouble"), page.locator(".tiltyard-run", has_text="A run that is there").first
    for fault, words in FAULTS.items():
        run.wait_for()
        with fault(lab):
            page.get_by_role("searchbox", name="Search runs").fill("is there" if fault is locked else "")
            if fault is not shut or lab.denies(lab.store):
                trouble.filter(has_text=words).wait_for()
            assert str(lab.here) not in page.locator(".tiltyard-side").inner_text()
            if fault is damaged:
                window.left("File Browser")
                window.scan("good.pkl")
                window.see("good.pkl: safe")
                window.left("Model security")
        page.locator(".tiltyard-side .tiltyard-trouble:empty").wait_for(state="attached")
        page.locator(".tiltyard-model", has_text="A model that is there").wait_for()
    run.wait_for()


def test_what_may_not_be_read_is_said_in_one_line_until_it_may(window: "Window", lab: "Lab") -> None:
    """A file in the browser; a model in a folder, which is loaded as soon as the folder may be read again."""
    page, folder, file = window.page, lab.root / "shut", lab.root / "shut.pkl"
    folder.mkdir()
    shutil.copy(str(files("tiltyard.samples") / "models" / "census.safetensors"), folder / "census.safetensors")
    with gzip.open(str(files("tiltyard.samples") / "data" / "census.csv.gz"), "rt") as rows:
        (lab.root / "some.csv").write_text("".join(islice(rows, 200)))
    shutil.copy(lab.root / "good.pkl", file)
    for path in (folder, file):
        path.chmod(0)
    if not lab.denies(file):
        pytest.skip("nothing can be denied to this user")
    page.get_by_role("button", name="Refresh").first.click()
    window.scan("shut.pkl")
    window.see("shut.pkl: Expected a file or folder that this server may read; found 'shut.pkl': Permission denied. Check its permissions.")
    window.load()
    page.get_by_text("Files of mine").click()
    for label, value in (("Model file", "shut/census.safetensors"), ("Data file", "some.csv")):
        page.get_by_role("textbox", name=label).fill(value)
        page.keyboard.press("Tab")
    window.press("Load and probe")
    window.see("Expected a file that may be read; found no permission for census.safetensors. Change its permissions.")
    window.see(re.compile("^Not loaded. Census income MLP on .* stays."))
    for path, mode in ((folder, 0o755), (file, 0o644)):
        path.chmod(mode)
    window.press("Load and probe")
    window.see(re.compile("on some: 10 rows answered in"))
    answer = window.scanned("shut.pkl")
    assert "files" in answer, answer
    assert answer["files"][0]["verdict"]["verdict"] == "safe", answer
    window.see("shut.pkl: safe")
