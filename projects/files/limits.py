"""How much one file may ask of the machine."""

from __future__ import annotations

from typing import Final

from django.conf import settings

MB: Final = 1_000_000


def file_bytes() -> int:
    """Return the largest file that is read, packed or unpacked (setting ``IMPORT_MAX_BYTES``)."""
    return int(getattr(settings, "IMPORT_MAX_BYTES", 1000 * MB))


# One text, in characters; and one record of a table, with all its columns and quotes.
TEXT: Final = 1_000_000
RECORD: Final = 4_000_000
# Metadata of one item, as JSON.
METADATA: Final = 64_000
JSON_DEPTH: Final = 12
EXTERNAL_ID: Final = 190
COLUMNS: Final = 500
# Rows of one file: each is remembered until the last, to tell what stands twice (some 260 bytes a row).
ROWS: Final = 2_000_000
LABEL_NAME: Final = 80
LABELS: Final = 500

# A packed file may unfold to this many times its size once it is past the first megabyte.
RATIO: Final = 200
RATIO_FREE: Final = MB

# Pictures: bytes as they come, pixels before anything is decoded, files in one archive.
IMAGE_BYTES: Final = 30 * MB
IMAGE_PIXELS: Final = 50_000_000
IMAGE_RATIO: Final = 1000
ARCHIVE_FILES: Final = 200_000
# With folders, and the shadow that a Mac packs with every file; and the bytes of the list of them all.
ARCHIVE_ENTRIES: Final = 2 * ARCHIVE_FILES
ARCHIVE_LIST: Final = 100 * MB

# Problems kept with the upload; the rest is counted.
PROBLEMS: Final = 1000
# A text file below this is checked while the person waits.
AT_ONCE: Final = 2 * MB
