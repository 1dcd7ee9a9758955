"""What `docs/shared.md` describes beyond one box, tried on this machine: the JupyterHub recipe, one PostgreSQL store, a Dask scheduler and two workers over TLS.

    python benchmarks/bench_beyond_one_box.py

Wants JupyterHub and configurable-http-proxy (the extra `hub`), the extras `postgresql` and `distributed`, and PostgreSQL's own programs; says which is
missing. Ada and Bob log in at the Hub, each by a light client instead of a browser; Ada runs the check of her page, Bob an assessment on the workers;
both reports come from the store. Each line says what was done and what came of it; one that begins with NOT is not as it should be, and the exit code
counts them. Memory is that of one person's server with its warm parent, broker and kernel, each shared page counted once (PSS).
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_shared_kills as kills
import httpx
import psutil
from bench_shared_kills import LOADED, ONWARD, PASSWORDS, Kept, run, say, show, until
from light_page import KERNEL, PATIENCE, LightPage

from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.cli.commands.window import free_port
from tiltyard.federated.deployed.credentials import Tls, tls

RECIPE = Path(__file__).parents[1] / "notebooks" / "apps" / "jupyterhub_config.py"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian keeps them, beside the path
CONFIG = """
load_subconfig({recipe!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.Spawner.environment = {{"TILTYARD_STORE": {store!r}}}
"""
ASSESSMENT = """
[target]
sample = "census"
[[check]]
id = "evasion.pgd"
[[check]]
id = "privacy.membership_gap"
"""
WORKERS = 2


def program(name: str) -> str:
    """Where one of PostgreSQL's programs is."""
    path = os.pathsep.join([*map(str, PROGRAMS[-1:]), os.environ.get("PATH", "")])
    if (found := shutil.which(name, path=path)) is None:
        raise SystemExit(f"Expected PostgreSQL on this machine; found no {name}. Install it.")
    return found


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL of its own on loopback, with a password, and the address of a store in it."""
    user: dict[str, Any] = {"user": "nobody"} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="ty"))
    folder.chmod(0o777)
    place, port, password = folder / "data", free_port(0, None), folder / "password"
    password.write_text("a word of this run\n")
    password.chmod(0o644)
    try:
        made = [program("initdb"), "-D", place, "-U", "tiltyard", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8"]
        subprocess.run(made, check=True, capture_output=True, **user)
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories=''"
        start = [program("pg_ctl"), "-D", place, "-w", "-l", folder / "log", "-o", options, "start"]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
        try:
            yield f"postgresql+psycopg://tiltyard:a%20word%20of%20this%20run@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([program("pg_ctl"), "-D", place, "-m", "fast", "stop"], check=True, capture_output=True, **user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def certificates(made: Tls) -> dict[str, str]:
    """Dask's variables for one certificate in every role."""
    pair = {"CERT": made.certificate, "KEY": made.key}
    own = {
        f"DASK_DISTRIBUTED__COMM__TLS__{role}__{what}": str(path)
        for role in ("CLIENT", "SCHEDULER", "WORKER")
        for what, path in pair.items()
    }
    return {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(made.authority), "DASK_TEMPORARY_DIRECTORY": str(made.authority.parent), **own}


@contextlib.contextmanager
def workers(folder: Path, told: dict[str, str]) -> Iterator[str]:
    """A scheduler and its workers behind certificates; the scheduler's address."""
    file, own = folder / "scheduler.json", ["--protocol", "tls", "--host", "127.0.0.1"]
    calls = [["dask_scheduler", *own, "--port", "0", "--scheduler-file", str(file), "--no-dashboard"]]
    calls += [["dask_worker", "--scheduler-file", str(file), *own, "--nthreads", "1", "--no-nanny", "--no-dashboard"]] * WORKERS
    started = []
    try:
        for n, (module, *words) in enumerate(calls):
            where = ["--local-directory", str(folder / f"worker{n}")] if n else []
            with (folder / f"dask{n}.txt").open("w") as log:
                command = [sys.executable, "-m", f"distributed.cli.{module}", *words, *where]
                started.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **told, "OMP_NUM_THREADS": "1"}))
            _there(file, folder / "dask0.txt")
        yield str(json.loads(file.read_text())["address"])
    finally:
        for one in reversed(started):
            one.kill()
            one.wait()


def _there(file: Path, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not file.exists() or not file.read_text():
        if time.monotonic() > end:
            raise SystemExit(f"no scheduler: {log.read_text()[-2000:]}")
        time.sleep(0.1)


@contextlib.contextmanager
def hub(folder: Path, store: str) -> Iterator[tuple[str, psutil.Process]]:
    """The recipe with its ports and store changed, and Ada and Bob who may log in."""
    users = Users(folder / "users.json")
    for name, password in PASSWORDS.items():
        users.add(name, Role.ANALYST, password)
    port, own, api = (free_port(0, None) for _ in range(3))
    config = folder / "config.py"
    config.write_text(CONFIG.format(recipe=str(RECIPE), port=port, hub=own, api=api, store=store))
    environment = {**os.environ, "TILTYARD_HUB": str(folder / "hub"), "TILTYARD_USERS": str(folder / "users.json")}
    with (folder / "hub.txt").open("wb") as log:
        words = [sys.executable, "-m", "jupyterhub", "--config", str(config)]
        process = subprocess.Popen(words, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _up(f"http://127.0.0.1:{port}/hub/login", process, folder / "hub.txt")
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        process.wait(60)
        for left in psutil.wait_procs(family, 20)[1]:
            left.kill()


def _up(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=PATIENCE).status_code == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"the Hub does not start: {log.read_text(errors='replace')[-3000:]}")


@dataclass
class Entered:
    """Somebody who logged in at the Hub: their page, and the seconds from the click that starts their server to it."""

    page: LightPage
    client: httpx.Client
    seconds: float


def _entered(url: str, name: str) -> tuple[httpx.Client, str, float]:
    client = httpx.Client(base_url=url, timeout=PATIENCE, follow_redirects=True)
    client.get("/hub/login")
    given = {"username": name, "password": PASSWORDS[name], "_xsrf": client.cookies.get("_xsrf", path="/hub/")}
    client.post("/hub/login", data=given)
    begun, path = time.perf_counter(), "/hub/spawn"
    while time.perf_counter() - begun < PATIENCE:
        answer = client.get(path)
        if found := KERNEL.search(answer.text):
            return client, found[1], time.perf_counter() - begun
        if answer.status_code == 500:
            break
        path = f"/user/{name}/"
        time.sleep(0.2)
    raise SystemExit(f"no page for {name}: {answer.status_code} {answer.text[-1000:]}")


async def entered(url: str, name: str, shows: str = LOADED) -> Entered:
    """Log in, have the server started, and join its page until it shows this."""
    client, kernel, seconds = await asyncio.to_thread(_entered, url, name)
    own = httpx.Client(timeout=PATIENCE, follow_redirects=True)
    for cookie in client.cookies.jar:
        if cookie.path in ("/", f"/user/{name}/"):
            own.cookies.set(cookie.name, cookie.value or "")
    page = LightPage(own, f"{url}/user/{name}", kernel)
    await page.connect()
    await page.say("shown")
    await page.until(lambda: page.seen(shows))
    return Entered(page, client, seconds)


def memory(root: psutil.Process, name: str) -> float:
    """MiB that this person's server and all below it take."""
    for one in root.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if one.environ().get("JUPYTERHUB_USER") == name and "--hub" in one.cmdline():
                return sum(_pss(each) for each in [one, *one.children(recursive=True)])
    raise LookupError(f"no server of {name}")


def _pss(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return float(process.memory_full_info().pss) / 2**20
    return 0.0


def own_words(store: str, folder: Path, who: dict[str, str]) -> dict[str, str]:
    """The environment of a person's command line."""
    return {**os.environ, "TILTYARD_STORE": store, "XDG_DATA_HOME": str(folder / "words"), **who}


async def on_workers(folder: Path, store: str, told: dict[str, str], address: str) -> None:
    """Bob's assessment, on Dask."""
    (folder / "bob.toml").write_text(ASSESSMENT)
    begun = time.perf_counter()
    words = [sys.executable, "-m", "tiltyard", "assess", str(folder / "bob.toml"), "--executor", address]
    done = await asyncio.to_thread(
        subprocess.run,
        words,
        env=own_words(store, folder, {"JUPYTERHUB_USER": "bob"}) | told,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=PATIENCE,
    )
    say(
        done.returncode == 0,
        f"Bob's two checks ran on {WORKERS} workers by {address.partition(':')[0]}: {time.perf_counter() - begun:.1f} s, exit {done.returncode} {done.stderr[-300:] if done.returncode else ''}",
    )


def reported(folder: Path, store: str, name: str, run: str) -> tuple[int, str]:
    """What `tiltyard report` says of a run to this person: exit code and text."""
    words = [sys.executable, "-m", "tiltyard", "report", run, "--format", "json"]
    done = subprocess.run(
        words,
        env=own_words(store, folder, {"TILTYARD_USER": name, "TILTYARD_ROLE": "analyst"}),
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout + done.stderr


async def scene(url: str, root: psutil.Process, folder: Path, store: str, told: dict[str, str], address: str) -> None:
    """All of it."""
    kept = Kept(store)
    ada = await entered(url, "ada")
    say(True, f"Ada's page was whole {ada.seconds:.1f} s after the click that starts her server; load {os.getloadavg()[0]:.1f}")
    bob = await entered(url, "bob")
    say(True, f"Bob's page was whole {bob.seconds:.1f} s after his")
    print(
        f"memory with the sample loaded: Ada's server {memory(root, 'ada'):.0f} MiB, Bob's {memory(root, 'bob'):.0f} MiB, the Hub and its proxy {_pss(root) + sum(_pss(one) for one in root.children()[:1]):.0f} MiB"
    )
    await show(ada.page, "evasion", {"description": "Run"})
    run(ada.page)
    say(await until(lambda: kept.running("ada"), 60), "Ada's check runs in her page")
    await on_workers(folder, store, told, address)
    say(await until(lambda: kept.done("ada") == 1, PATIENCE), "Ada's check ended and is in PostgreSQL")
    say(kept.done("bob") == 2, f"Bob's {kept.done('bob')} results are in PostgreSQL")
    runs = {name: kept.of(name)[0].id for name in PASSWORDS}
    for name, other in (("ada", "bob"), ("bob", "ada")):
        code, text = await asyncio.to_thread(reported, folder, store, name, runs[name])
        say(code == 0 and json.loads(text)["format"], f"{name}'s report comes from the store")
        code, text = await asyncio.to_thread(reported, folder, store, name, runs[other])
        say(code != 0, f"{name} gets no report of {other}'s run (exit {code}: {text.strip()[:120]})")
        page = (ada if name == "ada" else bob).page
        answers = [
            (ada if name == "ada" else bob).client.get(f"/user/{other}/{path}").status_code
            for path in ("", f"tiltyard/page/{page.kernel}", "api/kernels")
        ]
        say(set(answers) <= {403, 404}, f"{name} is refused at {other}'s server: {answers}")
    again = await entered(url, "bob", ONWARD)
    say(again.page.seen(ONWARD), "Bob's next page offers the run that his assessment kept")
    say(not [line.owner for line in kept.store.runs() if line.owner not in PASSWORDS], "every run is its person's")
    say(not kept.store.doubts(), "the store's chain holds")


def main() -> int:
    """Start everything, and try it."""
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "keys").mkdir()
        told = certificates(tls(folder / "keys"))
        store = stack.enter_context(postgresql())
        address = stack.enter_context(workers(folder, told))
        url, root = stack.enter_context(hub(folder, store))
        asyncio.run(scene(url, root, folder, store, told, address))
    return kills.wrong


if __name__ == "__main__":
    sys.exit(main())
