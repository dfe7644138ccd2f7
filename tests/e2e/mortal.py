"""A web server that can be killed between its commit and its answer, without a word of that in the product.

Browsers talk to a small proxy. Armed, it passes the next answers on, waits until the database shows them,
kills the server's processes with SIGKILL, and drops the connection, so that nobody hears that they were
stored. Then it starts another server.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from django.db import connection

from annotator.management.commands import serve
from projects.models import Annotation
from tests.e2e.site import environment
from tests.services import ROOT, free_port

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Mortal:
    """A web server behind a proxy: ``address`` stays the same over all deaths."""

    def __init__(self) -> None:
        self.port, self.front = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self.front}"
        self.armed = threading.Event()
        self.deaths: list[list[UUID]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._door = socket.create_server(("127.0.0.1", self.front), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def start(self) -> None:
        """Start the web server, without waiting for it."""
        child = serve.web("127.0.0.1", self.port)
        self._process = subprocess.Popen(
            child.command, cwd=ROOT, env={**environment(), **child.environment}, start_new_session=True
        )

    def kill(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def close(self) -> None:
        self._door.close()
        self.kill()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._door.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Pass on one connection's requests, and the answers unless the server is to die over one."""
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.port), 10) as server:
            server.settimeout(None)
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()
            while request := _read(client):
                ids = _answers_in(request)
                if ids and self.armed.is_set():
                    self.armed.clear()
                    return self._die_over(request, ids)
                server.sendall(request)
        return None

    def _die_over(self, request: bytes, ids: list[UUID]) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 10) as server:
            server.sendall(request)
            _wait_for_commit(ids)
            self.kill()
        self.deaths.append(ids)
        self.start()


def _wait_for_commit(ids: list[UUID]) -> None:
    until = time.monotonic() + 30
    while Annotation.objects.filter(submission__in=ids).count() < len(ids):
        assert time.monotonic() < until, "the answers were never stored"
        time.sleep(0.003)
    connection.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _read(client: socket.socket) -> bytes:
    """One whole request, or nothing where the connection ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := client.recv(65536)):
            return b""
        data += more
    head, _blank, body = data.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    while length and len(body) < int(length[1]):
        if not (more := client.recv(65536)):
            return b""
        body += more
    return head + b"\r\n\r\n" + body


def _answers_in(request: bytes) -> list[UUID]:
    """The ids of the answers in a request, if it brings any."""
    head, _blank, body = request.partition(b"\r\n\r\n")
    if not re.match(rb"POST \S+/answers/ ", head):
        return []
    told: dict[str, Any] = json.loads(body)
    return [UUID(row["id"]) for row in told["submissions"]]


@contextmanager
def running() -> Iterator[Mortal]:
    """Run a mortal server on this test process's database; it is not yet waited for."""
    server = Mortal()
    server.start()
    try:
        yield server
    finally:
        server.close()
