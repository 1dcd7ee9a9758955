"""Time-stamp tokens (RFC 3161): that a digest was known to an authority at a time, verified offline.

A token is CMS SignedData (RFC 5652) over TSTInfo. What is held: the digest, the signed attributes and their signature, the signer's certificate
and its one purpose, its validity at that time, and its chain to an authority whose certificate the reader trusts. Revocation is not asked.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import Problem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
STAMPING = "1.3.6.1.5.5.7.3.8"
HASHES = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}
SEQUENCE, SET, OCTETS, OID, GENERALIZED = 0x30, 0x31, 0x04, 0x06, 0x18
ATTRIBUTES, LONGEST = 0xA0, 8
MOST = 1 << 20
DO = "Give the reply of a time-stamping authority (.tsr) or its token, and the authority's own certificate"


@dataclass(frozen=True)
class Stamp:
    """A token that holds: when, by whom (the signer's subject), and the SHA-256 of the trusted certificate it leads to."""

    time: datetime
    authority: str
    trusted: str


@dataclass(frozen=True)
class Element:
    """One element of DER: its tag, the bytes within, and all its bytes."""

    tag: int
    content: bytes
    whole: bytes

    @property
    def parts(self) -> "list[Element]":
        """The elements within."""
        return list(elements(self.content))

    @property
    def oid(self) -> str:
        """Of an object identifier its dotted form."""
        if self.tag != OID or not self.content:
            raise _wrong("an object identifier that is missing")
        numbers, now = [], 0
        for byte in self.content:
            now = now << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(now)
                now = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def elements(content: bytes) -> Iterator[Element]:
    """The DER elements in ``content``, in order; `Problem` where it is none."""
    place = 0
    while place < len(content):
        start = place
        if place + 2 > len(content):
            raise _wrong("cut off")
        tag, size = content[place], content[place + 1]
        place += 2
        if size & 0x80:
            count = size & 0x7F
            if not 0 < count <= LONGEST:
                raise _wrong("not DER")
            size, place = int.from_bytes(content[place : place + count], "big"), place + count
        if place + size > len(content):
            raise _wrong("cut off")
        yield Element(tag, content[place : place + size], content[start : place + size])
        place += size


def stamped(token: bytes, digest: bytes, trusted: bytes) -> Stamp:
    """The time at which ``digest`` (32 bytes, SHA-256) was stamped by ``token`` (a reply or a token, DER), under the PEM certificates ``trusted``.

    Raises
    ------
    Problem
        Where the token is none, is of another digest, or does not lead to a trusted certificate.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    broken = (ValueError, TypeError, IndexError, StopIteration, NotImplementedError, UnsupportedAlgorithm)
    try:
        signed = _signed_data(token)
        info = _one(signed[2].parts[1].content, OCTETS).content
        held = [x509.load_der_x509_certificate(e.whole) for e in _tagged(signed[3:], ATTRIBUTES).parts]
        signer = _one(signed[-1].content, SEQUENCE).parts
        certificate = next((c for c in held if _is_of(c, signer[1])), None)
        if certificate is None:
            raise _wrong("without its signer's certificate")
        _check_signature(signer, info, certificate)
        time = _time_of(info, digest)
        _check_purpose(certificate, time)
        root = _rooted(certificate, held, x509.load_pem_x509_certificates(trusted), time)
    except (*broken, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        if isinstance(error, Problem):
            raise
        raise _wrong("broken") from None
    return Stamp(time, certificate.subject.rfc4514_string(), _fingerprint(root))


def _wrong(found: str) -> Problem:
    return Problem("a time-stamp token (RFC 3161) of this commitment", found, DO)


def _signed_data(token: bytes) -> list[Element]:
    if len(token) > MOST:
        raise _wrong("a file of more than a megabyte")
    outer = _one(token, SEQUENCE)
    if outer.parts[0].tag == SEQUENCE:  # a reply: its status, then the token
        if outer.parts[0].parts[0].content not in (b"\x00", b"\x01") or len(outer.parts) < 2:
            raise _wrong("a reply that refuses")
        outer = outer.parts[1]
    if outer.parts[0].oid != SIGNED_DATA:
        raise _wrong("something else that is signed")
    signed = _one(outer.parts[1].content, SEQUENCE).parts
    if signed[2].parts[0].oid != TST_INFO:
        raise _wrong("something else that is signed")
    return signed


def _one(content: bytes, tag: int) -> Element:
    found = list(elements(content))
    if len(found) != 1 or found[0].tag != tag:
        raise _wrong("not of that form")
    return found[0]


def _tagged(found: list[Element], tag: int) -> Element:
    here = next((e for e in found if e.tag == tag), None)
    if here is None:
        raise _wrong("without certificates, or unsigned attributes")
    return here


def _is_of(certificate: "Certificate", sid: Element) -> bool:
    """Does the signer's identifier, issuer and serial number, name this certificate?"""
    if sid.tag != SEQUENCE:
        return False
    issuer, serial = sid.parts
    return (
        issuer.whole == certificate.issuer.public_bytes()
        and int.from_bytes(serial.content, "big", signed=True) == certificate.serial_number
    )


def _check_signature(signer: list[Element], info: bytes, certificate: "Certificate") -> None:
    """Is ``info`` what the signed attributes say, and are they signed by the certificate that they name?"""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    name = HASHES.get(signer[2].parts[0].oid)
    if name is None:
        raise _wrong("one signed by way of an old or unknown hash")
    attributes = _tagged(signer[3:4], ATTRIBUTES)
    stated = {pair.parts[0].oid: pair.parts[1].parts[0] for pair in attributes.parts}
    if CONTENT_TYPE not in stated or stated[CONTENT_TYPE].oid != TST_INFO:
        raise _wrong("another kind of content")
    if MESSAGE_DIGEST not in stated or stated[MESSAGE_DIGEST].content != hashlib.new(name, info).digest():
        raise _wrong("one that was changed")
    _check_named(stated, certificate)
    signed, signature = bytes([SET]) + attributes.whole[1:], signer[5].content
    kinds: dict[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    algorithm = kinds[name]
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        else:
            raise _wrong("one signed by a kind of key that is not read here")
    except InvalidSignature:
        raise _wrong("one whose signature does not hold") from None


def _check_named(stated: dict[str, Element], certificate: "Certificate") -> None:
    """ESSCertIDv2 (RFC 5816): the attributes name the very certificate, by SHA-256 where no other hash is said."""
    named = stated.get(SIGNING_CERTIFICATE)
    if named is None:
        return
    first = named.parts[0].parts[0].parts
    name = "sha256" if first[0].tag == OCTETS else HASHES.get(first[0].parts[0].oid, "")
    value = next(e.content for e in first if e.tag == OCTETS)
    if not name or hashlib.new(name, certificate_bytes(certificate)).digest() != value:
        raise _wrong("one that names another certificate")


def _time_of(info: bytes, digest: bytes) -> datetime:
    parts = _one(info, SEQUENCE).parts
    algorithm, imprint = parts[2].parts
    if HASHES.get(algorithm.parts[0].oid) != "sha256" or imprint.content != digest:
        raise _wrong("one of another digest")
    if parts[4].tag != GENERALIZED:
        raise _wrong("one without a time")
    text = parts[4].content.decode("ascii").removesuffix("Z").split(".")[0]
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _check_purpose(certificate: "Certificate", time: datetime) -> None:
    """A certificate for time-stamping and nothing else, said as critical (RFC 3161, 2.3), valid at the time."""
    from cryptography import x509

    try:
        use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise _wrong("one signed by a certificate that is not for time stamps") from None
    if not use.critical or [o.dotted_string for o in use.value] != [STAMPING]:
        raise _wrong("one signed by a certificate that is not for time stamps alone")
    _check_valid(certificate, time)


def _check_valid(certificate: "Certificate", time: datetime) -> None:
    if not certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc:
        raise _wrong("one signed when a certificate was not valid")


def _rooted(certificate: "Certificate", held: "list[Certificate]", trusted: "list[Certificate]", time: datetime) -> "Certificate":
    """The trusted certificate that the signer's leads to, by at most eight steps through those held."""
    now = certificate
    for _ in range(8):
        if any(now == root for root in trusted):
            return now
        issuer = next((c for c in (*trusted, *held) if c != now and _issued(now, c)), None)
        if issuer is None:
            break
        _check_valid(issuer, time)
        now = issuer
    raise _wrong("one that leads to no certificate you trust")


def _issued(child: "Certificate", parent: "Certificate") -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        basic = parent.extensions.get_extension_for_class(x509.BasicConstraints)
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return bool(basic.value.ca)


def certificate_bytes(certificate: "Certificate") -> bytes:
    """Its DER."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _fingerprint(certificate: "Certificate") -> str:
    return hashlib.sha256(certificate_bytes(certificate)).hexdigest()
