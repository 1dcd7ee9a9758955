"""``python -m tiltyard_widgets.gateway NOTEBOOK``; `tiltyard app` and JupyterHub start it."""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # jsonschema builds a grammar of IRIs in two seconds; here is none to look at

from .app import App  # noqa: E402

App.launch_instance()
