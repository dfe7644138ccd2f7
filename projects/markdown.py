"""Turn Markdown that people wrote into HTML that cannot do harm."""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_BLOCKS = {"p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "blockquote"}
_TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
_TAGS = _BLOCKS | _TABLE | {"strong", "em", "s", "code", "a"}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}

_parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def render(text: str) -> SafeString:
    """Return safe HTML: no raw HTML, images, styles or scripts; links to the web and to mail only.

    The highest heading becomes the third level, below those of the page, and none is skipped: whoever listens
    to a page goes through it by its headings.
    """
    tokens = _parser.parse(text)
    above: list[int] = []
    for token in tokens:
        if token.type == "heading_open":
            while above and above[-1] >= int(token.tag[1]):
                above.pop()
            above.append(int(token.tag[1]))
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(len(above) + 2, 6)}"
    html = _parser.renderer.render(tokens, _parser.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 - cleaned by nh3 just above
