"""Which words of the audit log a kernel may write, and which the broker writes itself, so that none leaves one out or makes one up."""

from ..access.roles import Action

# Of a kernel's own work, in its person's name.
OF_KERNELS: dict[str, Action] = {
    "run started": "run",
    "run ended": "run",
    "defense applied": "run",
    "endpoint probed": "run",
    "model opened": "run",
    "report exported": "export",
    "ethics question answered": "run",
    "ethics answer withdrawn": "run",
    "ethics checklist brought": "run",
    "ethics checklist put in the report": "run",
}
# Written by whoever does it: the broker, the store, the login, the command line.
OF_KEEPERS = frozenset(
    (
        *("user added", "role changed", "password changed", "user removed", "key made", "key revoked", "key rotated"),
        *("keys of an account revoked", "key's trail cleared"),
        *("artifact taken", "artifact deleted", "run deleted", "run shared", "run no longer shared", "run cancelled"),
        *("file accepted", "acceptance revoked"),
        *("login", "login refused", "store head", "audit log repaired", "page ended", "watermark committed"),
    )
)
