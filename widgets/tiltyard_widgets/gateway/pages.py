"""What an open page asks of its server: when it ends, and to stay."""

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

from .kernels import OwnedKernels
from .visits import Visits

ROUTE = r"/tiltyard/page/(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"


class PageHandler(JupyterHandler):
    """GET says in how many seconds the page ends if nobody clicks, and from when on to say so; POST that it is shown, was left before, or is to stay."""

    def get(self, kernel_id: str) -> None:
        kernels: OwnedKernels = self.settings["kernel_manager"]
        self.set_header("Cache-Control", "no-store")
        self.write({"ends": round(kernels.ends_in(kernel_id)), "warning": kernels.warning})

    def post(self, kernel_id: str) -> None:
        visits: Visits = self.settings["visits"]
        match self.get_body_argument("said", ""):
            case "shown" | "left":
                visits.shown(kernel_id)
            case "stay":
                self.settings["kernel_manager"].clicked(kernel_id)
            case _:
                raise HTTPError(400)
        self.set_status(204)
