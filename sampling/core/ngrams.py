"""Counts of word and character n-grams, hashed into a fixed number of columns: any language."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .arrays import BoolArray, IntArray

# Characters of a text that are read; what comes after adds cost and hardly any meaning.
LONGEST = 8_000
# Texts and characters that are counted at once: about 100 MB of hashes.
TEXTS_AT_ONCE, CHARACTERS_AT_ONCE = 512, 500_000
WORD_BITS, CHARACTER_BITS = 17, 18
CHARACTERS = range(2, 6)
# From here on a script writes whole words as one or two characters (kana, Han, Hangul).
DENSE_SCRIPTS = 0x3040

Hashes = NDArray[np.uint64]
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)


def cleaned(text: str) -> str:
    """The text as it is compared: compatible forms made one, lower case, single blanks, one at each end."""
    return f" {' '.join(unicodedata.normalize('NFKC', text[:LONGEST]).lower().split())} "


def portions(texts: Sequence[str]) -> list[slice]:
    """Slices of the texts that are each small enough to be counted at once."""
    cuts, characters = [0], 0
    for row, text in enumerate(texts):
        characters += min(len(text), LONGEST)
        if row > cuts[-1] and (characters > CHARACTERS_AT_ONCE or row - cuts[-1] >= TEXTS_AT_ONCE):
            cuts.append(row)
            characters = min(len(text), LONGEST)
    return [slice(a, b) for a, b in pairwise([*cuts, len(texts)]) if b > a]


def counts(texts: Sequence[str]) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Word 1-2-gram counts (n, 2^17) and character 2-5-gram counts (n, 2^18) as float32.

    Hashing as in Weinberger et al. 2009, by prefix sums of a polynomial hash: no Python code runs a token.
    """
    cleaned_texts = [cleaned(text) for text in texts]
    joined = "".join(cleaned_texts).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, np.uint32)
    lengths = np.fromiter(map(len, cleaned_texts), np.int64, len(cleaned_texts))
    document = np.repeat(np.arange(len(texts)), lengths)
    prefix, powers = _prefix(codes)
    words = _words(codes, document, prefix, powers)
    characters = _characters(codes, document, prefix, powers)
    return _counted(*words, len(texts), WORD_BITS), _counted(*characters, len(texts), CHARACTER_BITS)


def _prefix(codes: NDArray[np.uint32]) -> tuple[Hashes, Hashes]:
    """Sums of code times base to the minus position, and the powers that undo the position."""
    n = len(codes) + 1
    inverse = np.uint64(pow(int(_BASE), -1, 2**64))
    back = np.cumprod(np.full(n, inverse, np.uint64))
    steps = np.concatenate(([np.uint64(1)], np.full(n, _BASE, np.uint64)))
    powers: Hashes = np.cumprod(steps, dtype=np.uint64)
    scrambled = (codes.astype(np.uint64) + np.uint64(1)) * _MIX
    scrambled ^= scrambled >> np.uint64(29)
    return np.concatenate(([np.uint64(0)], np.cumsum(scrambled * back[: n - 1]))), powers


def _span(prefix: Hashes, powers: Hashes, start: IntArray, end: IntArray) -> Hashes:
    """The hash of the codes from start to end, the same wherever they stand."""
    return np.asarray((prefix[end] - prefix[start]) * powers[start])


def _alphanumeric(codes: NDArray[np.uint32]) -> BoolArray:
    kinds, where = np.unique(codes, return_inverse=True)
    return np.array([chr(code).isalnum() for code in kinds.tolist()], np.bool_)[where]


def _words(
    codes: NDArray[np.uint32], document: IntArray, prefix: Hashes, powers: Hashes
) -> tuple[IntArray, Hashes]:
    """Runs of letters and digits, and pairs of them; a text ends in a blank, so no run crosses texts."""
    inside = np.concatenate(([False], _alphanumeric(codes), [False]))
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    start, end = edges[::2], edges[1::2]
    single = _span(prefix, powers, start, end)
    where = document[start]
    together = where[1:] == where[:-1]
    pair = single[:-1] * _BASE + (single[1:] ^ _MIX)
    return np.concatenate((where, where[1:][together])), np.concatenate((single, pair[together]))


def _characters(
    codes: NDArray[np.uint32], document: IntArray, prefix: Hashes, powers: Hashes
) -> tuple[IntArray, Hashes]:
    rows, hashes = [], []
    alone = np.flatnonzero(codes >= DENSE_SCRIPTS)
    rows.append(document[alone])
    hashes.append(_span(prefix, powers, alone, alone + 1))
    for length in CHARACTERS:
        start = np.arange(max(len(codes) - length + 1, 0))
        start = start[document[start] == document[start + length - 1]]
        rows.append(document[start])
        hashes.append(_span(prefix, powers, start, start + length) + np.uint64(length))
    return np.concatenate(rows), np.concatenate(hashes)


def _counted(rows: IntArray, hashes: Hashes, n: int, bits: int) -> sparse.csr_array:
    column = (hashes ^ (hashes >> np.uint64(31))) * _MIX >> np.uint64(64 - bits)
    ones = np.ones(len(rows), np.float32)
    table = sparse.csr_array((ones, (rows.astype(np.int32), column.astype(np.int32))), shape=(n, 1 << bits))
    table.sum_duplicates()
    return table
