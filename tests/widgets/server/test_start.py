"""What JupyterLab's start pays for the extension, and what it leaves behind when it stops."""

import json
import subprocess
import sys
from pathlib import Path

ASK = """
import json, sys
import jupyter_server.extension.application, jupyter_server.serverapp
before = set(sys.modules)
from tiltyard_widgets.server import _jupyter_server_extension_points
_jupyter_server_extension_points()
import tiltyard_widgets.server.handlers
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_it_loads_nothing_that_jupyter_has_not_loaded(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"tiltyard", "tiltyard_widgets"}
