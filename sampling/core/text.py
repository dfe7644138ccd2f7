"""Features of texts: latent semantic analysis of n-grams, alone or beside static word vectors."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from .arrays import FloatArray, IntArray, State, unit_rows
from .ngrams import LONGEST, counts, portions

if TYPE_CHECKING:
    from wordllama import WordLlamaInference

# Fitting reads at most so many texts and n-grams in all, and keeps so many columns of words and of
# characters: together they bound time, memory and the size of the state.
FIT_TEXTS, FIT_ENTRIES, FIT_COLUMNS = 20_000, 6_000_000, 25_000


class Lsa:
    """Word 1-2-grams and character 2-5-grams by TF-IDF, reduced to 256 numbers (Deerwester et al. 1990)."""

    name: ClassVar[str] = "lsa"
    media: ClassVar[str] = "text"
    dimension: ClassVar[int] = 256

    def __init__(self) -> None:
        self._columns: tuple[IntArray, ...] = ()  # which hashed columns are kept, of words and of characters
        self._idf: tuple[FloatArray, ...] = ()
        self._components = np.empty((0, self.dimension), np.float32)

    def fit(self, contents: Sequence[str], rng: np.random.Generator) -> Self:
        """Learn weights and directions from at most 20,000 of the texts, drawn by ``rng``; no labels."""
        blocks = self._sampled(contents, rng)
        n = blocks[0].shape[0]
        frequency = [np.bincount(block.indices, minlength=block.shape[1]) for block in blocks]
        # What occurs in one text only tells nothing about others, unless there is nothing else.
        least = 2 if any((f >= 2).any() for f in frequency) else 1
        common = [
            np.argsort(-f, kind="stable")[: min(FIT_COLUMNS, int((f >= least).sum()))] for f in frequency
        ]
        self._columns = tuple(np.sort(columns) for columns in common)
        self._idf = tuple(
            (np.log((1 + n) / (1 + f[c])) + 1).astype(np.float32)
            for f, c in zip(frequency, self._columns, strict=True)
        )
        self._components = _directions(self._weighted(blocks), self.dimension, rng)
        return self

    def transform(self, contents: Sequence[str]) -> FloatArray:
        """Rows (n, 256) of length 1; a text that shares nothing with the fitted ones gets the diagonal."""
        out = np.empty((len(contents), self.dimension), np.float32)
        for part in portions(contents):
            out[part] = self._weighted(counts(contents[part])) @ self._components
        return unit_rows(out)

    def state(self) -> State:
        return {
            "words": self._columns[0].astype(np.int32),
            "characters": self._columns[1].astype(np.int32),
            "word_idf": self._idf[0],
            "character_idf": self._idf[1],
            "components": self._components.astype(np.float16),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        made = cls()
        made._columns = (state["words"].astype(np.int64), state["characters"].astype(np.int64))
        made._idf = (state["word_idf"], state["character_idf"])
        made._components = state["components"].astype(np.float32)
        return made

    def _sampled(self, contents: Sequence[str], rng: np.random.Generator) -> list[sparse.csr_array]:
        drawn = [contents[row] for row in rng.permutation(len(contents))[:FIT_TEXTS]]
        parts, entries = [], 0
        for part in portions(drawn):
            parts.append(counts(drawn[part]))
            entries += sum(block.nnz for block in parts[-1])
            if entries > FIT_ENTRIES:
                break
        if not parts:
            raise ValueError("contents is empty; fitting needs one text at least")
        return [sparse.vstack(blocks, format="csr") for blocks in zip(*parts, strict=True)]

    def _weighted(self, blocks: Sequence[sparse.csr_array]) -> sparse.csr_array:
        """TF-IDF rows, words and characters each of length 1, side by side (n, columns)."""
        sides = []
        for block, columns, idf in zip(blocks, self._columns, self._idf, strict=True):
            kept = block[:, columns]
            kept.data = (1 + np.log(kept.data)) * idf[kept.indices]
            length = np.sqrt(kept.multiply(kept).sum(axis=1))
            kept.data /= np.repeat(np.where(length > 0, length, 1), np.diff(kept.indptr)).astype(np.float32)
            sides.append(kept)
        return sparse.hstack(sides, format="csr")


def _directions(rows: sparse.csr_array, width: int, rng: np.random.Generator) -> FloatArray:
    """The leading right singular vectors (columns, width), zero columns where there are fewer."""
    out = np.zeros((rows.shape[1], width), np.float32)
    rank = min(width, *rows.shape)
    if rank and rows.nnz:
        with threadpool_limits(1):
            seed = int(rng.integers(2**31))
            _, values, directions = randomized_svd(rows, rank, n_iter=2, random_state=seed)
        out[:, :rank] = np.where(values[:, None] > 1e-5 * values[0], directions, 0).T
    # As the state keeps them: half the size, and the same rows before and after it.
    return out.astype(np.float16).astype(np.float32)


@cache
def word_vectors() -> WordLlamaInference:
    """The static vectors that come with the package wordllama, loaded once a process, never fetched."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # Its tokenizer may run in a forked worker, where its own threads would hang.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import wordllama

    # It sets up the root logger when imported, which is the application's business.
    root.handlers[:] = handlers
    root.setLevel(level)
    vectors = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    vectors.tokenizer.no_padding()
    return vectors


def word_means(contents: Sequence[str]) -> FloatArray:
    """The mean vector of each text's tokens (n, 256), of length 1; the diagonal for an empty text."""
    vectors = word_vectors()
    table = vectors.embedding
    out = np.zeros((len(contents), table.shape[1]), np.float32)
    for part in portions(contents):
        texts = [text[:LONGEST].encode("utf-8", "replace").decode() for text in contents[part]]
        encoded = vectors.tokenizer.encode_batch(texts, add_special_tokens=False)
        for row, tokens in enumerate(encoded, part.start):
            if tokens.ids:
                out[row] = table[tokens.ids].mean(axis=0)
    return unit_rows(out)


class LsaWordllama:
    """LSA and wordllama's vectors side by side, half the weight each: safe in any language, on any topic."""

    name: ClassVar[str] = "lsa-wordllama"
    media: ClassVar[str] = "text"
    dimension: ClassVar[int] = Lsa.dimension + 256

    def __init__(self) -> None:
        self._lsa = Lsa()

    def fit(self, contents: Sequence[str], rng: np.random.Generator) -> Self:
        """Fit the LSA; the vectors are as they are."""
        self._lsa.fit(contents, rng)
        return self

    def transform(self, contents: Sequence[str]) -> FloatArray:
        """Rows (n, 512) of length 1."""
        return unit_rows(np.hstack([self._lsa.transform(contents), word_means(contents)]))

    def state(self) -> State:
        return self._lsa.state()

    @classmethod
    def from_state(cls, state: State) -> Self:
        made = cls()
        made._lsa = Lsa.from_state(state)
        return made
