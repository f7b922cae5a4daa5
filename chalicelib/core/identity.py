"""Ids that a repetition finds again: derived from what they identify, never from the moment."""

from base64 import b32encode
from hashlib import sha256

_ID_LENGTH = 26


def derive_id(*parts: str) -> str:
    """26 lower-case base32 characters (130 bits) of a SHA-256 over the parts, which keep their borders."""
    text = "\x1f".join(f"{len(part)}:{part}" for part in parts)
    return b32encode(sha256(text.encode()).digest()).decode().lower()[:_ID_LENGTH]
