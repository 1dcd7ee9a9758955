"""``python -m tiltyard_widgets.gateway NOTEBOOK``; `tiltyard app` and JupyterHub start it."""

from .app import App

App.launch_instance()
