"""Certificates and node keys of one deployment: made for it, kept in its folder, readable by this user alone."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ...files.atomic import new_file

DAYS = 7


@dataclass(frozen=True)
class Tls:
    """PEM files: the authority that clients trust, the server's certificate for 127.0.0.1, its key."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class NodeKey:
    """A node's key pair in OpenSSH's format, P-384."""

    private: Path
    public: Path


def kept(path: Path, content: bytes) -> Path:
    """A new file that this account alone can read."""
    with new_file(path) as stream:
        stream.write(content)
    return path


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def node_key(folder: Path, name: str) -> NodeKey:
    """A new key pair for one client."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return NodeKey(kept(folder / name, private), kept(folder / f"{name}.pub", public))


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
    return builder.not_valid_after(now + datetime.timedelta(days=DAYS))


def tls(folder: Path) -> Tls:
    """An authority of this deployment's own, whose key is not kept, and a certificate for 127.0.0.1 that it signed."""
    root, key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
    signer = "Tiltyard federation"
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    authority = _builder(signer, signer, root).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority = authority.add_extension(usage, critical=True).add_extension(identifier, critical=False)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    leaf = _builder("localhost", signer, key).add_extension(names, critical=False).add_extension(issuer, critical=False)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    certificates = [made.sign(root, hashes.SHA384()).public_bytes(serialization.Encoding.PEM) for made in (authority, leaf)]
    return Tls(
        kept(folder / "authority.pem", certificates[0]),
        kept(folder / "server.pem", certificates[1]),
        kept(folder / "server.key", _pem(key)),
    )
