"""Random draws that never change: keyed hashes of a project's seed and an item's key."""

from __future__ import annotations

from hashlib import blake2b


def _draw(seed: int, purpose: bytes, key: str) -> int:
    """Return 64 uniform bits that depend on these three alone, not on the order of import."""
    hashed = blake2b(
        key.encode(),
        digest_size=8,
        key=seed.to_bytes(8, "little", signed=True),
        person=purpose.ljust(16, b"\0"),
    )
    return int.from_bytes(hashed.digest(), "little")


def shuffle(seed: int, key: str) -> int:
    """Return the item's place in the project's one random order, in [0, 2**63)."""
    return _draw(seed, b"shuffle", key) >> 1


def holdout(seed: int, key: str, share: float) -> bool:
    """Whether the item belongs to the hold-out. A larger share keeps every item of a smaller one."""
    return _draw(seed, b"holdout", key) < share * 2**64


def agreement(seed: int, key: str, share: float) -> bool:
    """Whether several people label the item. Independent of the hold-out."""
    return _draw(seed, b"agreement", key) < share * 2**64


def known(seed: int, key: str) -> float:
    """Return a number in [0, 1) that decides when, and which, known items come to a person."""
    return _draw(seed, b"known", key) / 2**64


def spot(seed: int, key: str, share: float) -> bool:
    """Whether a lead judges the item again once it is settled. Independent of every other draw."""
    return _draw(seed, b"spot", key) < share * 2**64


def card(seed: int, key: str) -> float:
    """Return a number in [0, 1): below the policy's share an item of a card is asked singly as well."""
    return _draw(seed, b"card", key) / 2**64


def blind(seed: int, person: int, item: int, share: float) -> bool:
    """Whether a person answers an item without help of the model. A larger share keeps every such pair."""
    return _draw(seed, b"blind", f"{person}:{item}") < share * 2**64
