"""Where an endpoint is and the key for it."""

from tiltyard.targets.http.address import Address, address_of

from ..controls.key_field import KeyField
from ..theme import look


class EndpointFields(look.Stack):
    """Address and key of an endpoint, one above the other."""

    def __init__(self) -> None:
        super().__init__()
        self.url = look.entry(
            "Address", "http://127.0.0.1:8443", help="Tiltyard's, KServe's (…/v2/models/NAME/infer) or MLflow's (…/invocations)"
        )
        self.key = KeyField("Key", "Kept in this kernel's memory alone: not in records, code or logs.")
        self.children = (self.url, self.key)

    @property
    def address(self) -> Address:
        """The address as host, port and path; a `Problem` where it is none or has a key in it."""
        return address_of(self.url.value)

    def code(self) -> str:
        """The argument of a call that gives the key, or nothing where there is none."""
        return ', key=os.environ["ENDPOINT_KEY"]' if self.key.held else ""
