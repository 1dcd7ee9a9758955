"""Every command with its options. What a command does is imported when it is called, so that --help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from .epilogs import ASSESS, SCAN

app = typer.Typer(
    suggest_commands=False,
    name="tiltyard",
    help="A workbench for the security of machine-learning models: attack, measure, defend, measure again, report.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Add --debug to any command for the traceback of what goes wrong.",
)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable, with a format number and a published schema.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Let what is written take the place of files that are there.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for report.html and report.json.")]


def _version(wanted: bool) -> None:
    if wanted:
        from ..version import __version__

        typer.echo(f"tiltyard {__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """A workbench for the security of machine-learning models: attack, measure, defend, measure again, report."""


@app.command()
def demo(
    out: Out = Path("tiltyard-demo"),
    profile: Annotated[str, typer.Option(metavar="quick|full", help="How deep: quick ends within 5 minutes on 2 cores.")] = "quick",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """The whole assessment of the shipped models and data; writes report.html and report.json."""
    from .commands.demo import run

    raise typer.Exit(run(out, profile, seed, overwrite))


@app.command("app")
def app_(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port on 127.0.0.1; 8866, or a free one.")] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Open a browser too.")] = False,
    password: Annotated[bool, typer.Option("--password", help="People log in by name and password; see `tiltyard user`.")] = False,
    no_token: Annotated[bool, typer.Option("--no-token", help="Let in whoever can reach 127.0.0.1, as you.")] = False,
    hub: Annotated[bool, typer.Option("--hub", help="Started by JupyterHub, which says who it is.")] = False,
    hostname: Annotated[str, typer.Option(metavar="NAME", help="The name a TLS proxy of yours serves it under.")] = "",
    notebook: Annotated[Path | None, typer.Option(metavar="FILE.ipynb", help="Serve this notebook instead of the workbench.")] = None,
    data_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --password or --hub: people read DIR/NAME, their own, and DIR/shared.")
    ] = None,
    warm: Annotated[
        bool,
        typer.Option(
            "--warm/--no-warm", help="Fork kernels from a parent that has imported all, where that is safe (Linux); else each imports."
        ),
    ] = True,
    limits: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="The limits below from a file: pages = 30, pages_per_person = 3, and so on.")
    ] = None,
    pages: Annotated[int | None, typer.Option(help="Open pages of all people; as many as memory holds where not given.")] = None,
    pages_per_person: Annotated[int | None, typer.Option(help="Open pages of one person; 12 where not given.")] = None,
    starting: Annotated[int | None, typer.Option(help="Pages that start at the same time; two a core where not given.")] = None,
    waiting: Annotated[int | None, typer.Option(help="Pages that wait for a place where all are taken; 32 where not given.")] = None,
    running: Annotated[
        int | None,
        typer.Option(
            help="Checks of more than 5 s that run at once, of all people; one for two cores where not given. With --password or --hub."
        ),
    ] = None,
    idle: Annotated[int | None, typer.Option(help="Minutes without a click after which an open page ends; it says so before. 120.")] = None,
    memory: Annotated[int | None, typer.Option(help="MiB a page may take beyond its start; with --password or --hub.")] = None,
    cores: Annotated[int | None, typer.Option(help="Cores a page may use; with --password or --hub.")] = None,
    upload: Annotated[
        int | None, typer.Option(help="MiB of an upload, or of anything else that a page writes; with --password or --hub.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="Processes that a page may have at a time; 64 where not given. With --password or --hub.")
    ] = None,
    offer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=DATA",
            help="A model and its data for everybody, listed beside the samples and held in memory once; or an assessment file. May be repeated.",
        ),
    ] = None,
) -> None:
    """The workbench as a Voila app on 127.0.0.1; prints the URL with the token that opens it."""
    from .commands.limits import limits as bounded
    from .commands.window import Door, Login, app

    options = {"pages": pages, "pages_per_person": pages_per_person, "starting": starting, "waiting": waiting, "idle": idle}
    of_shared = {"memory": memory, "cores": cores, "upload": upload, "processes": processes, "running": running}
    bounds = bounded(limits, {**options, **of_shared, "offer": offer or None})
    if password + no_token + hub > 1:
        raise typer.BadParameter("Expected one of --password, --hub and --no-token; found several. Leave the others away")
    login: Login = "password" if password else "hub" if hub else "none" if no_token else "token"
    raise typer.Exit(app(port, browser, Door(login, hostname, notebook, data_root, warm, bounds)))


@app.command()
def lab(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port on 127.0.0.1; 8888, or a free one.")] = None,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Folder JupyterLab opens.")] = Path(),
    browser: Annotated[bool, typer.Option("--browser", help="Open a browser too.")] = False,
    allow_root: Annotated[bool, typer.Option("--allow-root", help="Start even as root; every cell then runs as root.")] = False,
) -> None:
    """The workbench in JupyterLab on 127.0.0.1; prints the URL."""
    from .commands.window import lab

    raise typer.Exit(lab(port, browser, folder, allow_root))


@app.command(epilog=SCAN)
def scan(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH…", help="Model files, folders of them, patterns, or - for stdin.")
    ] = None,
    as_json: Json = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="SARIF 2.1.0, for a code-scanning service.")] = False,
    explain: Annotated[str, typer.Option(metavar="RULE", help="What a rule means, and what to do.")] = "",
    suppress: Annotated[list[str] | None, typer.Option(metavar="RULE", help="A rule whose findings do not count; may be repeated.")] = None,
    severity: Annotated[
        str, typer.Option(metavar="LEVEL", help="The least grave that counts: note, low, medium, high, critical.")
    ] = "note",
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="What is left out, by its name as a shell has patterns; may be repeated.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Judge anew what was judged before.")] = False,
    details: Annotated[bool, typer.Option("--details", help="Every reason, and every file of a folder.")] = False,
) -> None:
    """May these model files be loaded? Looks at their bytes and never loads them. Exit 0 all safe, 1 malicious, 2 not proven."""
    from ..artifacts.rules import SEVERITIES
    from .commands import scan as act

    if explain:
        raise typer.Exit(act.explain(explain))
    level = next((one for one in SEVERITIES if one == severity), None)
    if level is None:
        raise typer.BadParameter(f"Expected a severity ({', '.join(SEVERITIES)}); found {severity!r}. Give one of them")
    wishes = act.Wishes(as_json, as_sarif, tuple(suppress or ()), level, tuple(exclude or ()), not no_cache, details)
    raise typer.Exit(act.run([str(path) for path in paths or ()], wishes))


@app.command()
def accept(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="Files that a scan could not prove safe.")] = None,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why they may be used: who made them, how they came here.")] = "",
    revoke: Annotated[str, typer.Option(metavar="SHA256", help="Take an acceptance back, by 8 digits or more.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="What is accepted, by whom, when and why.")] = False,
) -> None:
    """Accept files by their SHA-256 though they are not proven safe; never malicious ones. Kept in the audit log, and revocable."""
    from .commands.accept import run

    raise typer.Exit(run(files or [], why, revoke, listed))


@app.command(epilog=ASSESS)
def assess(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="Target, data and checks.")],
    policy: Annotated[Path | None, typer.Option(metavar="POLICY.toml", help="Thresholds the results are held against.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for report.html, report.json, report.sarif, junit.xml, bom.cdx.json.")
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            metavar="local|ADDRESS",
            help="Where the checks run: here, or on a Dask scheduler: tcp://HOST:PORT on this machine's loopback, tls://HOST:PORT with "
            "the certificates that DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …__CLIENT__CERT and …__CLIENT__KEY name.",
        ),
    ] = "local",
    resume: Annotated[str, typer.Option(metavar="RUN", help="A run that was cut off: only what it lacks is run.")] = "",
    as_json: Json = False,
    baseline: Annotated[str, typer.Option(metavar="RUN", help="Fail where a number is less safe than in this earlier run.")] = "",
    tolerance: Annotated[float, typer.Option(min=0, help="With --baseline: how much less safe is allowed, in the number's unit.")] = 0.0,
    overwrite: Overwrite = False,
) -> None:
    """Open a model and its data, run the checks, hold them against a policy or an earlier run. Exit 0 pass, 1 failed, 2 could not run."""
    from .commands.assess import run

    raise typer.Exit(run(config, policy, out, executor, as_json, baseline, tolerance, resume, overwrite))


@app.command()
def checks(as_json: Json = False) -> None:
    """The checks and defenses there are, with their parameters."""
    from .commands.checks import run

    raise typer.Exit(run(as_json))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
    epilog="tiltyard check ID --help shows the parameters of that check.",
)
def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A check or defense; see `tiltyard checks`.")] = "",
) -> None:
    """Run one check: tiltyard check ID [--sample NAME | --model FILE --data FILE] [parameters]; tiltyard check ID --help lists them."""
    from .commands.step import run

    if name in ("", "-h", "--help"):
        typer.echo(context.get_help())
        raise typer.Exit(0 if name else 2)
    raise typer.Exit(run(name, list(context.args)))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
    epilog="tiltyard defend ID --help shows the options.",
)
def defend(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A defense; see `tiltyard checks`.")] = "",
) -> None:
    """Apply a defense and measure every risk before and after: tiltyard defend ID [MODEL --data FILE | --sample NAME] [--set KEY=VALUE]…"""
    from .commands.defend import run

    if name in ("", "-h", "--help"):
        typer.echo(context.get_help())
        raise typer.Exit(0 if name else 2)
    raise typer.Exit(run(name, list(context.args)))


@app.command()
def runs(
    as_json: Json = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, newest first.")] = 20,
    search: Annotated[str, typer.Option(help="Only those whose run, model or data is called so.")] = "",
    delete: Annotated[str, typer.Option(metavar="RUN", help="Forget this run and its records.")] = "",
    trend: Annotated[str, typer.Option(metavar="RUN", help="The numbers of all runs of the same model and data, oldest first.")] = "",
    share: Annotated[str, typer.Option(metavar="RUN", help="Let everybody who logs in look at this run.")] = "",
    unshare: Annotated[str, typer.Option(metavar="RUN", help="Keep this run to its owner again.")] = "",
) -> None:
    """Past and present runs, newest first; also those that were cut off."""
    from .commands.history import follow, forget, lend, show

    if trend:
        raise typer.Exit(follow(trend, as_json))
    if share or unshare:
        raise typer.Exit(lend(share or unshare, bool(share)))
    raise typer.Exit(forget(delete) if delete else show(as_json, limit, search))


@app.command()
def compare(
    before: Annotated[str, typer.Argument(metavar="A", help="Run id, the beginning of one, or last; with --data a model file.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Run id, the beginning of one, or last; with --data a model file.")],
    as_json: Json = False,
    models: Annotated[bool, typer.Option("--models", help="The models of the two runs, with all that is known of each.")] = False,
    data: Annotated[str, typer.Option(metavar="FILE", help="Measure two model files on these rows, by the same checks.")] = "",
    label: Annotated[str, typer.Option(metavar="COLUMN", help="With --data: the column with the label.")] = "",
    sensitive: Annotated[str, typer.Option(metavar="COLUMNS", help="With --data: sensitive columns, with commas.")] = "",
    member: Annotated[str, typer.Option(metavar="COLUMN", help="With --data: the column that says whether a row was trained on.")] = "",
    classes: Annotated[str, typer.Option(metavar="NAMES", help="With --data: the classes in the order of the models' outputs.")] = "",
    checks: Annotated[str, typer.Option(metavar="IDS", help="With --data: these checks, with commas; all where not given.")] = "",
    profile: Annotated[str, typer.Option(metavar="quick|full|privacy", help="With --data: how deep the checks go.")] = "quick",
    seed: Annotated[int, typer.Option(min=0, help="With --data: of the checks.")] = 0,
    unkept: Annotated[bool, typer.Option("--no-store", help="With --data: do not keep the runs in the store.")] = False,
) -> None:
    """Two runs or two models side by side: what was changed, and what that did to the numbers."""
    from .commands.compare import Measured, of_models, run

    if data:
        given = Measured(data, label, sensitive, member, classes, checks, profile, seed, not unkept)
        raise typer.Exit(of_models(before, after, given, as_json))
    raise typer.Exit(run(before, after, as_json, models))


@app.command()
def report(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Run id, the beginning of one, or last.")] = "last",
    form: Annotated[
        str,
        typer.Option("--format", metavar="html|pdf|markdown|word|json|sarif|junit", help="By the name of --out where it is not given."),
    ] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it; standard output where it is not given.")] = None,
    policy: Annotated[Path | None, typer.Option(metavar="POLICY.toml", help="Hold the records against this policy.")] = None,
    overwrite: Overwrite = False,
    title: Annotated[str, typer.Option(help="Title of the report.")] = "",
    author: Annotated[str, typer.Option(help="Who made the assessment.")] = "",
    approver: Annotated[str, typer.Option(help="Who is to sign it.")] = "",
    recipient: Annotated[str, typer.Option("--for", help="For whom it is.")] = "",
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "",
    scope: Annotated[str, typer.Option(help="What is within it and what is not.")] = "",
    appetite: Annotated[str, typer.Option(help="The risk that is accepted, in words.")] = "",
    owner: Annotated[list[str] | None, typer.Option(metavar="TOPIC=NAME", help="Who owns a risk: privacy=Ada. May be repeated.")] = None,
    topics: Annotated[str, typer.Option(metavar="TOPIC,…", help="Only these topics.")] = "",
    annex: Annotated[bool | None, typer.Option("--annex/--no-annex", help="With every step, table and figure.")] = None,
    code: Annotated[bool | None, typer.Option("--code/--no-code", help="With the lines that repeat each step.")] = None,
    people: Annotated[
        bool | None, typer.Option("--people/--no-people", help="With rows of single people, which are withheld else.")
    ] = None,
    language: Annotated[str, typer.Option(metavar="en|de|fr", help="Language of the report's own words.")] = "",
    since: Annotated[str, typer.Option(metavar="RUN|last", help="What changed since this earlier run of the model.")] = "",
) -> None:
    """The report of a run."""
    from .commands.report import run

    words = {"title": title, "author": author, "approver": approver, "recipient": recipient, "purpose": purpose}
    words |= {"scope": scope, "appetite": appetite, "language": language}
    given: dict[str, object] = {key: text for key, text in words.items() if text}
    given |= {key: on for key, on in (("annex", annex), ("code", code), ("people", people)) if on is not None}
    given |= {"topics": topics.split(",")} if topics else {}
    given |= {"owners": dict(one.partition("=")[::2] for one in owner)} if owner else {}
    raise typer.Exit(run(name, form, out, policy, overwrite, given, since))


@app.command()
def sign(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Models, data, reports: files or folders.")],
    key: Annotated[Path, typer.Option("--key", metavar="KEY.pem", help="Your private Ed25519 key.")],
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key first, and KEY.pub.pem to give away.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="NAME.sig.json", help="The signature; PATH.sig.json where it is not given.")] = None,
) -> None:
    """Sign files and folders: SHA-256 of each, under an Ed25519 signature in a file beside them."""
    from .commands.seal import sign as run

    raise typer.Exit(run(paths, key, new_key, out))


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="What was signed, its .sig.json file, an audit log (.jsonl), or a store.")],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="KEY.pub.pem", help="The signer's public key; of an audit log, its key file.")
    ] = None,
    anchor: Annotated[str, typer.Option(metavar="COUNT:HASH", help="Of an audit log: what an earlier verify printed.")] = "",
) -> None:
    """Is it still what was signed, logged or kept? Exit 0 intact, 1 broken, 2 could not tell (as without the signer's key)."""
    from .commands.seal import verify as run

    raise typer.Exit(run(path, key, anchor))


KeyFile = Annotated[Path | None, typer.Option("--key-file", metavar="KEY.pem", help="Key file; a passphrase where it is not given.")]


@app.command(epilog="A passphrase is read from TILTYARD_PASSPHRASE, the next one from TILTYARD_NEW_PASSPHRASE, or asked for.")
def seal(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files to encrypt, or to give another key.")],
    key_file: KeyFile = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key file first.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; FILE.sealed where it is not given.")] = None,
    rotate: Annotated[
        bool,
        typer.Option("--rotate", help="Change the key of sealed files, their data not written again; of a store, or give it its first."),
    ] = False,
    to_key_file: Annotated[Path | None, typer.Option(metavar="KEY.pem", help="With --rotate: the next key file.")] = None,
) -> None:
    """Encrypt files with AES-256-GCM under a passphrase or key file."""
    from .commands import seal as act

    raise typer.Exit(act.rotate(paths, key_file, to_key_file, new_key) if rotate else act.seal(paths, key_file, new_key, out))


@app.command(epilog="A passphrase is read from TILTYARD_PASSPHRASE, or asked for.")
def unseal(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files sealed by `tiltyard seal`.")],
    key_file: KeyFile = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; the name without .sealed where it is not given.")] = None,
) -> None:
    """Decrypt sealed files. Exit 1 where a byte was changed, cut or moved, or the key is another; nothing is then written."""
    from .commands.seal import unseal as run

    raise typer.Exit(run(paths, key_file, out))


@app.command()
def doctor(as_json: Json = False) -> None:
    """What will not work in this environment, and how to fix it. Exit 0 all well, 1 something will not work."""
    from .commands.doctor import run

    raise typer.Exit(run(as_json))
