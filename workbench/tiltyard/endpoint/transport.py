"""Is the way to it encrypted, by a certificate that holds, and by no protocol that is broken?"""

import asyncio
import contextlib
import ssl
import warnings
from datetime import UTC, datetime
from typing import Any

from ..result import Severity
from ..targets.http.address import Address
from ..targets.http.line import waited
from .outcome import Outcome, found, idle, joined, passed, unsure
from .site import Site

MOST = 3
SOON = 14
PATIENCE = 10.0
STANDARDS = ("AML.T0040", "AML.T0055", "EU AI Act Art. 15(5)")
OLD = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}
ADVICE = "Serve it over TLS 1.2 or later with a certificate that its clients trust, and renew it in time."


def probe(site: Site) -> Outcome:
    """A handshake that verifies the certificate, and one in each old version."""
    address = site.line.address
    if not address.secure:
        if address.loopback:
            return idle("Plain HTTP on this machine alone; beyond it TLS is needed.")
        return found("The way is not encrypted", Severity.HIGH, "It is asked over plain HTTP beyond this machine.", ADVICE, STANDARDS)
    site.count(MOST)
    return joined([_certificate(address), *(_old(address, name) for name in OLD)])


def _certificate(address: Address) -> Outcome:
    try:
        version, certificate = waited(_shaken(address, ssl.create_default_context()))
    except ssl.SSLCertVerificationError as error:
        text = f"Its certificate does not hold: {error.verify_message}."
        return found("Its certificate does not hold", Severity.HIGH, text, ADVICE, STANDARDS)
    except (OSError, TimeoutError) as error:
        return unsure(f"No handshake ({type(error).__name__}).")
    days = (datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC) - datetime.now(UTC)).days
    if days < SOON:
        return found("Its certificate ends soon", Severity.MEDIUM, f"Its certificate ends in {days} days.", ADVICE, STANDARDS)
    return passed(f"{version}, with a certificate that holds for {days} days.")


def _old(address: Address, name: str) -> Outcome:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = OLD[name]
        context.set_ciphers("ALL:@SECLEVEL=0")
        waited(_shaken(address, context))
    except ValueError:
        return unsure(f"This machine cannot speak {name} to try it.")
    except ssl.SSLError:
        return passed(f"{name} is refused.")
    except (OSError, TimeoutError):
        return passed(f"{name} is refused.") if _certificate(address).state != "incomplete" else unsure("No handshake.")
    return found("It speaks a broken protocol", Severity.MEDIUM, f"{name} is spoken.", ADVICE, STANDARDS)


async def _shaken(address: Address, context: ssl.SSLContext) -> tuple[str, dict[str, Any]]:
    """Version and certificate of one handshake."""
    async with asyncio.timeout(PATIENCE):
        _, writer = await asyncio.open_connection(address.host, address.port, ssl=context, server_hostname=address.host)
        secure = writer.get_extra_info("ssl_object")
        facts = (str(secure.version()), dict(secure.getpeercert() or {}))
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await writer.wait_closed()
        return facts
