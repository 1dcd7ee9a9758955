"""A request's body, read in bounded memory and bounded time, and parsed only then."""

import asyncio
from typing import TYPE_CHECKING, Any

from .refusal import refuse

if TYPE_CHECKING:
    from starlette.requests import Request

    from .settings import LimitSettings

JSON = "application/json"
DEEPEST = 200


async def read_json(request: "Request", limits: "LimitSettings") -> Any:
    """The JSON of a body.

    Counted while it streams in, so that no more than ``limits.body`` bytes are ever held. The parser (jiter) refuses
    NaN, Infinity, nesting past 200, integers of thousands of digits and text that is not UTF-8.

    Raises
    ------
    Refusal
        408 too slow, 413 too large, 415 of another type or compressed, 422 no JSON.
    """
    _check_type(request)
    _check_length(request, limits.body)
    try:
        async with asyncio.timeout(limits.body_seconds):
            content = await _streamed(request, limits.body)
    except TimeoutError:
        raise refuse(408, f"the body within {limits.body_seconds:g} s", "less", "Send it at once") from None
    return parsed(content)


def parsed(content: bytes | bytearray) -> Any:
    """JSON, strictly: RFC 8259 without NaN and Infinity."""
    from pydantic_core import from_json

    try:
        return from_json(content, allow_inf_nan=False, cache_strings=False)
    except ValueError as error:
        raise refuse(422, f"JSON, nested at most {DEEPEST} deep, of finite numbers", str(error)[:120], "Correct the body") from None


def _check_type(request: "Request") -> None:
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != JSON:
        raise refuse(415, f"Content-Type: {JSON}", _shown(kind.strip()) or "none", "Send JSON")
    charset = rest.lower().replace('"', "").replace(" ", "")
    if charset and charset != "charset=utf-8":
        raise refuse(415, "UTF-8", _shown(charset), "Send JSON in UTF-8")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise refuse(415, "a body that is not compressed", f"Content-Encoding: {_shown(encoding)}", "Send it plain")


def _check_length(request: "Request", most: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most, f"{int(declared):,}")


async def _streamed(request: "Request", most: int) -> bytearray:
    content = bytearray()
    async for chunk in request.stream():
        if len(content) + len(chunk) > most:
            raise _too_large(most, "more")
        content += chunk
    return content


def _too_large(most: int, found: str) -> Exception:
    return refuse(413, f"a body of at most {most:,} bytes", found, "Send fewer rows")


def _shown(text: str) -> str:
    return "".join(c for c in text[:60] if c.isprintable())
