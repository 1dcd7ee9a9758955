"""SecAgg+ of Flower under the processes of `tiltyard federate`: does the server learn the mean and nothing else, and in how many seconds?

    python benchmarks/federation_secagg.py

Three clients send 1, 2 and 3 with equal weight over TLS with node keys; the server has only masked vectors. Prints the mean it finds.
"""

import tempfile
import time
from pathlib import Path

from tiltyard.federated.deployed.credentials import node_key, tls
from tiltyard.federated.deployed.processes import Processes, app_folder
from tiltyard.progress import Progress

CLIENT = """
import numpy as np
from flwr.app import Context
from flwr.client import NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.clientapp import ClientApp

class One(NumPyClient):
    def __init__(self, number):
        self.number = number

    def fit(self, parameters, config):
        return [np.full(5, self.number + 1.0)], 10, {}

def made(context: Context):
    return One(int(context.node_config["client"])).to_client()

app = ClientApp(made, mods=[secaggplus_mod])
"""
SERVER = """
import time
from pathlib import Path

import numpy as np
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.compat.common import recorddict_compat as compat
from flwr.server import LegacyContext, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_PARAMS_RECORD
from flwr.serverapp import ServerApp

app = ServerApp()

@app.main()
def main(grid, context):
    while len(list(grid.get_node_ids())) < 3:
        time.sleep(0.5)
    begun = time.monotonic()
    start = ndarrays_to_parameters([np.zeros(5)])
    strategy = FedAvg(min_fit_clients=3, min_available_clients=3, fraction_evaluate=0.0, initial_parameters=start)
    legacy = LegacyContext(context=context, config=ServerConfig(num_rounds=1), strategy=strategy)
    DefaultWorkflow(fit_workflow=SecAggPlusWorkflow(num_shares=3, reconstruction_threshold=2))(grid, legacy)
    (found,) = parameters_to_ndarrays(compat.arrayrecord_to_parameters(legacy.state.array_records[MAIN_PARAMS_RECORD], keep_input=True))
    part = Path(context.run_config["home"]) / "part"
    part.write_text(f"mean {found.tolist()} after {time.monotonic() - begun:.0f} s")
    part.rename(part.with_name("found"))
"""


def main() -> None:
    """One round."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Processes(folder, tls(folder)) as processes:
            processes.server(Progress())
            for client in range(3):
                key = node_key(folder, f"client-{client}.key")
                processes.registered(key, Progress())
                processes.node(client, key, folder)
            app = app_folder(folder)
            (app / "server_side.py").write_text(SERVER)
            (app / "client_side.py").write_text(CLIENT)
            processes.run(app, f'home="{folder}"', Progress())
            until = time.monotonic() + 600
            while not (folder / "found").exists():
                processes.alive("superlink")
                if time.monotonic() > until:
                    raise TimeoutError("no mean in 10 minutes")
                time.sleep(0.5)
            print((folder / "found").read_text())


if __name__ == "__main__":
    main()
