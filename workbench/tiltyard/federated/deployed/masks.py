"""The masks of SecAgg+ from AES-256 in counter mode, in the place of Flower's own.

Flower 1.41 (``pseudo_rand_gen``) folds the secret of a mask to 32 bits by XOR and seeds ``np.random.RandomState`` with them: a server
that wants a client's update tries the 2^32 seeds of a mask, 7 to 22 hours of one core with NumPy (``benchmarks/federation_secagg.py`` measures it).
Here the whole secret is the key. Everything else of the protocol is Flower's.
"""

import hashlib
from collections.abc import Sequence
from importlib import import_module

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from ...errors import Problem

NAME = "pseudo_rand_gen"
USERS = ("flwr.client.mod.secure_aggregation.secaggplus_mod", "flwr.server.workflow.secure_aggregation.secaggplus_workflow")
BITS = 32


def masks(secret: bytes, modulus: int, shapes: Sequence[tuple[int, ...]]) -> list[NDArray[np.int64]]:
    """Uniform whole numbers from 0 to below ``modulus``, one array of each shape; equal secrets give equal masks.

    Parameters
    ----------
    secret
        Used for one mask and no other, for the counter starts at 0: a client draws new keys in every round.
    modulus
        A power of 2, at most 2^32.
    """
    if modulus & (modulus - 1) or not 1 < modulus <= 1 << BITS:
        raise Problem("a modulus that is a power of 2, at most 2^32", f"{modulus}", "Leave SecAgg+'s modulus as it is")
    sizes = [int(np.prod(shape)) for shape in shapes]
    key = hashlib.sha256(b"tiltyard mask" + secret).digest()
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(4 * sum(sizes)))
    drawn = np.frombuffer(stream, "<u4").astype(np.int64) & (modulus - 1)
    parts = np.split(drawn, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def use() -> None:
    """Let Flower's client and server side draw their masks here, in this process.

    Raises
    ------
    Problem
        This Flower calls its generator otherwise: then nothing is summed, rather than with weak masks.
    """
    for name in USERS:
        module = import_module(name)
        if not hasattr(module, NAME):
            raise Problem(f"{NAME} in {name}, as in Flower 1.41", "another Flower", "pip install flwr==1.41.0, or leave secure off")
        setattr(module, NAME, masks)
