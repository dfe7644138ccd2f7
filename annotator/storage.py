"""Where static files are kept: without comments, compressed, under names that change with their content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

# What only those read who change our scripts and styles: comments on lines of their own, and space between
# signs. No string of ours looks like either, see tests/test_label_weight.py.
_LEFT_OUT: Final = {
    "js": re.compile(r"^[ \t]*//[^\n]*\n|^[ \t]+|^\n", re.MULTILINE),
    "css": re.compile(r"/\*.*?\*/|\s+(?=[{}])|(?<=[{};,:])\s+", re.DOTALL),
}
_IMPORT: Final = re.compile(r'@import "([\w-]+\.css)";')


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Rewrite what scripts import too: else a browser holds a part of an old version beside a new one."""

    support_js_module_import_aggregation = True
    # Of our own scripts alone: others show examples of imports in their comments.
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],
    )

    def _save(self, name: str, content: Any) -> str:
        """Put a file down; a script or a style of ours without what browsers do not read."""
        folder, _, rest = name.replace("\\", "/").partition("/")
        if folder in _LEFT_OUT and rest.endswith(f".{folder}"):
            content = ContentFile(_LEFT_OUT[folder].sub("", b"".join(content.chunks()).decode()).encode())
        return str(super()._save(name, content))

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Put what a style imports in its place: one request, and one piece to compress.

        Each time anew: collecting passes over a style that is as it was, though one that it imports is not.
        """
        if dry_run:
            return
        for name in [name for name in paths if name.startswith("css/")]:
            if _IMPORT.search(text := _read(paths, name)):
                whole = _IMPORT.sub(lambda found: _read(paths, f"css/{found[1]}"), text)
                self.delete(name)
                paths[name] = (self, self._save(name, ContentFile(whole.encode())))
        yield from super().post_process(paths, dry_run, **options)


def _read(paths: dict[str, Any], name: str) -> str:
    source, path = paths[name]
    with source.open(path) as file:
        return str(file.read().decode())
