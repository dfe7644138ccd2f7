"""Fresh databases for benchmarks, and a process of its own for whatever is measured on one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def measured(script: str, arguments: Sequence[str], database_url: str, redis_url: str = "") -> dict[str, Any]:
    """Run ``script --measure`` on an empty data folder, and return what its last line of JSON says."""
    with tempfile.TemporaryDirectory(prefix="annotator-benchmark-") as folder:
        environment = os.environ | {
            "DATA_DIR": folder,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DJANGO_SETTINGS_MODULE": "annotator.settings",
            "LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, script, "--measure", *arguments]
        done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(done.returncode)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures


def created(server_url: str, name: str) -> str:
    """Create a database beside the one that the address names, and return its address."""
    import psycopg

    server = server_url.rpartition("/")[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"
