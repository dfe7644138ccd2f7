"""Files in and out: read what people bring, say what is wrong with it, import it whole or not at all."""

from projects.files.arrival import choose, receive, start
from projects.files.columns import Columns, guess_columns
from projects.files.csvs import DELIMITERS
from projects.files.encodings import ENCODINGS
from projects.files.importing import check, import_upload
from projects.files.records import Reader, preview
from projects.files.sources import open_upload

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "Columns",
    "Reader",
    "check",
    "choose",
    "guess_columns",
    "import_upload",
    "open_upload",
    "preview",
    "receive",
    "start",
]
