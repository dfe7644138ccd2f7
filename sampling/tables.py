"""Aligned tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as need be, the first to the left, figures to the right; columns of nothing go."""
    kept = [place for place in range(len(head)) if not place or any(row[place] for row in rows)]
    lines = [[row[place] for place in kept] for row in (head, *rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(kept))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def points(value: float | None, error: float | None = None) -> str:
    """A difference of shares in points, with its standard error: +3.2 ± 0.4."""
    if value is None:
        return ""
    return f"{value * 100:+.1f}" + ("" if error is None else f" ± {error * 100:.1f}")


def share(value: float | None, error: float | None = None) -> str:
    """A share in per cent, with its standard error: 71.9 ± 0.3."""
    if value is None:
        return ""
    return f"{value * 100:.1f}" + ("" if error is None else f" ± {error * 100:.1f}")


def ratio(value: float | None, error: float | None = None) -> str:
    """A ratio with its standard error: 0.56 ± 0.04."""
    if value is None:
        return ""
    return f"{value:.2f}" + ("" if error is None else f" ± {error:.2f}")
