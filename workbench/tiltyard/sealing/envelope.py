"""The header of a sealed file: what never changes, and two places for the wrapped data key so that rotation is safe at any moment.

``core`` (32 bytes) goes into every chunk as associated data. Each slot (128 bytes) holds the data key wrapped by a
passphrase or key file, AES-256-GCM with the core and the slot's own parameters as associated data. One slot is in use and
the other all zero; rotation fills the empty one, makes it last, then wipes the old. Who keeps an old copy of the
header and the old key can still open the file: only sealing anew takes that away.
"""

import hashlib
import secrets
import struct
from dataclasses import dataclass

from ..errors import Problem
from .broken import Broken
from .keys import Cost, Key, Passphrase, SealingKey

MAGIC = b"TYSEALED"
CORE = struct.Struct(">8sHHI16s")  # magic, format, cipher, chunk size, file id
SLOT = struct.Struct(">BIIII16s8s12s48s11x16s")  # kind, generation, passes, memory, lanes, salt, mark, nonce, wrapped key, checksum
PARAMETERS, CHECKED = 41, 112  # bytes of a slot that the wrapping authenticates (up to the mark), and that its checksum covers
HEADER = CORE.size + 2 * SLOT.size
EMPTY = bytes(SLOT.size)
BY_PASSPHRASE, BY_FILE = 1, 2
FORMAT, AES_256_GCM_STREAM = 1, 1
LEAST_CHUNK, MOST_CHUNK = 1 << 10, 16 << 20
LABEL = b"tiltyard wrapped key 1\n"


@dataclass(frozen=True)
class Core:
    """What a sealed file says of itself for good: bytes a chunk, and 16 random bytes that are its own."""

    chunk: int
    file_id: bytes

    def packed(self) -> bytes:
        """The 32 bytes that stand first."""
        return CORE.pack(MAGIC, FORMAT, AES_256_GCM_STREAM, self.chunk, self.file_id)


@dataclass(frozen=True)
class Slot:
    """One wrapped data key."""

    kind: int
    generation: int
    cost: Cost
    salt: bytes
    mark: bytes
    nonce: bytes
    wrapped: bytes

    def packed(self) -> bytes:
        """The 128 bytes of the slot, with its checksum."""
        cost = self.cost
        fields = (self.kind, self.generation, cost.passes, cost.memory, cost.lanes, self.salt, self.mark, self.nonce, self.wrapped)
        body = SLOT.pack(*fields, bytes(16))[:CHECKED]
        return body + hashlib.sha256(body).digest()[:16]

    @property
    def parameters(self) -> bytes:
        """What the wrapping authenticates."""
        return self.packed()[:PARAMETERS]


def read_core(header: bytes) -> Core:
    """The core of a header; raises `Problem` for what is not a sealed file or is of a newer format."""
    if len(header) < CORE.size or not header.startswith(MAGIC):
        raise Problem("a file sealed by `tiltyard seal`", "something else, or a file cut short", "Name the .sealed file")
    _, form, cipher, chunk, file_id = CORE.unpack_from(header)
    if form != FORMAT or cipher != AES_256_GCM_STREAM:
        raise Broken("a sealed file of format 1", f"format {form}, cipher {cipher}", "Use a newer tiltyard, or an unchanged copy")
    if len(header) < HEADER or not LEAST_CHUNK <= chunk <= MOST_CHUNK:
        raise Broken("a whole header", "one that was cut or changed", "Take an unchanged copy")
    return Core(chunk, file_id)


def read_slot(packed: bytes) -> Slot | None:
    """A slot, or None where it is empty or torn."""
    kind, generation, passes, memory, lanes, salt, mark, nonce, wrapped, checksum = SLOT.unpack(packed)
    if hashlib.sha256(packed[:CHECKED]).digest()[:16] != checksum or kind not in (BY_PASSPHRASE, BY_FILE):
        return None
    slot = Slot(kind, generation, Cost(passes, memory, lanes), salt, mark, nonce, wrapped)
    return slot if slot.packed() == packed else None


def slots_of(header: bytes) -> list[bytes]:
    """The two slots of a header, as they lie there."""
    return [header[CORE.size + i * SLOT.size : CORE.size + (i + 1) * SLOT.size] for i in range(2)]


def place_of(number: int) -> int:
    """Where slot 0 or 1 starts in the file, in bytes."""
    return CORE.size + number * SLOT.size


def only_slot(header: bytes) -> Slot:
    """The one slot in use; raises `Broken` where the header is in any other state."""
    packed = slots_of(header)
    whole = [slot for slot in map(read_slot, packed) if slot]
    if len(whole) != 1 or EMPTY not in packed:
        state = "a rotation that was cut off, or a changed header" if whole else "a changed header"
        raise Broken("one wrapped key", state, "Finish with `tiltyard seal --rotate`, or take an unchanged copy")
    return whole[0]


def wrap(core: Core, data_key: bytes, key: Key, generation: int) -> Slot:
    """The data key, wrapped by ``key`` with fresh salt and nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    kind = BY_PASSPHRASE if isinstance(key, Passphrase) else BY_FILE
    cost = key.cost if isinstance(key, Passphrase) else Cost(0, 0, 0)
    mark = key.mark if isinstance(key, SealingKey) else bytes(8)
    bare = Slot(kind, generation, cost, secrets.token_bytes(16), mark, secrets.token_bytes(12), bytes(48))
    wrapped = AESGCM(_wrapping_key(bare, key)).encrypt(bare.nonce, data_key, LABEL + core.packed() + bare.parameters)
    return Slot(kind, generation, cost, bare.salt, mark, bare.nonce, wrapped)


def unwrap(core: Core, slot: Slot, key: Key) -> bytes:
    """The data key, 32 bytes; raises `Broken` where the key is another or the header was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    wanted = "a passphrase" if slot.kind == BY_PASSPHRASE else f"key file {slot.mark.hex()}"
    if isinstance(key, SealingKey) != (slot.kind == BY_FILE) or (isinstance(key, SealingKey) and key.mark != slot.mark):
        given = f"key file {key.mark.hex()}" if isinstance(key, SealingKey) else "a passphrase"
        raise Broken(f"{wanted}, with which it was sealed", given, "Give the key it was sealed with")
    try:
        return AESGCM(_wrapping_key(slot, key)).decrypt(slot.nonce, slot.wrapped, LABEL + core.packed() + slot.parameters)
    except InvalidTag:
        raise Broken("the key it was sealed with", "another key, or a changed header", "Give that key, or take an unchanged copy") from None


def _wrapping_key(slot: Slot, key: Key) -> bytes:
    if isinstance(key, Passphrase):
        return _stretched(key.secret, slot.salt, slot.cost)
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, slot.salt, LABEL).derive(key.secret)


def _stretched(secret: bytes, salt: bytes, cost: Cost) -> bytes:
    """Argon2id (RFC 9106). The cost comes from the file, so it is bounded: at most 1 GiB and 10 passes."""
    from argon2.exceptions import HashingError
    from argon2.low_level import Type, hash_secret_raw

    if not (1 <= cost.passes <= 10 and 1 <= cost.lanes <= 16 and 8 * cost.lanes <= cost.memory <= 1 << 20):
        raise Broken("a cost of at most 10 passes, 16 lanes, 1 GiB", f"{cost}", "Take an unchanged copy; this one may be a trap")
    try:
        return hash_secret_raw(secret, salt, cost.passes, cost.memory, cost.lanes, 32, Type.ID)
    except HashingError as error:
        raise Problem(f"{cost.memory // 1024} MiB of memory for the passphrase", str(error), "Free some, or use a key file") from None
