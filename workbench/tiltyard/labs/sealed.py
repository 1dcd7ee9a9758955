"""Answers that no record decides are kept as slow salted hashes: ``python -m tiltyard.labs.sealed 1b c`` makes one.

Four options can be tried out by whoever takes the trouble. It keeps the answer from being read, no more.
"""

import hashlib
import hmac
import sys

COST, BLOCK, LANES = 2**12, 8, 1
SALT = b"tiltyard labs\n"


def seal(question: str, answer: str) -> str:
    """The hash of ``answer`` to ``question``, in hex."""
    salt = SALT + question.encode()
    return hashlib.scrypt(answer.strip().lower().encode(), salt=salt, n=COST, r=BLOCK, p=LANES, dklen=16).hex()


def opens(kept: str, question: str, answer: str) -> bool:
    """Is ``answer`` the one that was sealed?"""
    return hmac.compare_digest(kept, seal(question, answer))


def main() -> None:
    """The command line: a question and its answer."""
    question, answer = sys.argv[1:3]
    sys.stdout.write(seal(question, answer) + "\n")


if __name__ == "__main__":
    main()
