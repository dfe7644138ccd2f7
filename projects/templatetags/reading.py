"""The language of an item, for templates."""

from __future__ import annotations

from django import template

from projects import reading
from projects.models import Item, Project

register = template.Library()


@register.filter
def language(item: Item, project: Project) -> str:
    """The language tag of an item's text; blank where nobody knows, which is what an empty ``lang`` says."""
    return reading.language(item, project)


@register.filter
def pieces(text: str) -> list[reading.Piece]:
    """The pieces of a long text."""
    return reading.pieces(text)
