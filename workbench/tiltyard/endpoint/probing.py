"""From an address to the record of its posture, with no model, no data and no schema at hand."""

import hashlib
import time
import traceback
import uuid
from datetime import UTC, datetime

from ..check import versions
from ..errors import Cancelled, Problem
from ..progress import Progress, attended
from ..result import CheckResult, Identity, Record, Status
from ..targets.http.address import Address, address_of
from ..targets.http.line import Key, Line
from ..targets.http.opening import wire_at
from ..targets.query_budget import Meter
from .posture import Posture
from .site import site_at

PATIENCE, LARGEST = 10.0, 4 * 2**20
NO_DATA = Identity(name="no data", fingerprint="", detail="probed by its address alone")


def probe(url: str, key: str = "", posture: Posture | None = None, body: bytes | None = None, progress: Progress | None = None) -> Record:
    """The record of probing ``url``.

    Parameters
    ----------
    key
        A key that may ask; best one that is thrown away after.
    body
        A valid request, where the endpoint does not describe its rows itself.

    Raises
    ------
    Problem
        Where ``url`` is no address, or ``key`` no key.
    """
    address, posture, progress = address_of(url), posture or Posture(), progress or Progress()
    line = Line(address, Key(key), PATIENCE, LARGEST)
    started, clock, error, meter = datetime.now(UTC), time.perf_counter(), "", Meter()
    try:
        with attended(progress):
            result = _examined(line, posture, body, meter, progress)
    except Cancelled:
        result = CheckResult(status=Status.CANCELLED, summary="Cancelled; nothing was concluded.")
    except Exception as problem:  # as every check does, so that a probe that breaks is reported and not lost
        error = str(problem) if isinstance(problem, Problem) else "".join(traceback.format_exception(problem))
        text = str(problem) if isinstance(problem, Problem) else f"The step itself broke: {type(problem).__name__}"
        result = CheckResult(status=Status.FAILED, summary=text)
    finally:
        line.close()
    return Record(
        id=uuid.uuid4().hex,
        check=posture.id,
        title=posture.title,
        result=result,
        given=posture.model_dump(mode="json", include=set(posture.model_fields_set)),
        effective=posture.model_dump(mode="json"),
        seed=posture.seed,
        target=identity(address),
        data=NO_DATA,
        versions=versions(("httpx",)),
        started=started,
        seconds=time.perf_counter() - clock,
        queries=meter.spent,
        standards=posture.standards,
        error=error,
    )


def identity(address: Address) -> Identity:
    """Which endpoint, by its address."""
    return Identity(name=str(address), fingerprint=hashlib.sha256(str(address).encode()).hexdigest(), detail="an endpoint, by its address")


def _examined(line: Line, posture: Posture, body: bytes | None, meter: Meter, progress: Progress) -> CheckResult:
    if not posture.allowed(line.address):
        return posture.refused(line.address)
    return posture.examine(site_at(line, wire_at(line.address), posture.most, meter, body), progress)
