"""A web server that can be killed between its commit and its answer, without a word of that in the product.

Browsers talk to a small proxy. On order it passes the next answers on, waits until the database shows them,
kills the server's processes with SIGKILL, and drops the connection, so that nobody hears that they were
stored. Whoever comes then finds nobody; after some have come in vain, another server, started long before,
takes over. So an outage is as long as people notice it, and no longer on a busy machine.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from annotator.management.commands import serve
from projects.models import Annotation
from tests.e2e.site import environment
from tests.services import ROOT, free_port

# How many connections fail after a death.
KNOCKS = 4
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Server(NamedTuple):
    """A web server in a group of processes of its own."""

    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def started(cls) -> Server:
        """Start one on this test process's database; nobody waits until it answers."""
        port = free_port()
        child = serve.web("127.0.0.1", port)
        surroundings = {**environment(), **child.environment}
        return cls(port, subprocess.Popen(child.command, cwd=ROOT, env=surroundings, start_new_session=True))

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


class Mortal:
    """A web server behind a proxy: ``address`` stays the same over all deaths."""

    def __init__(self) -> None:
        self.front = free_port()
        self.address = f"http://127.0.0.1:{self.front}"
        self.deaths: list[list[UUID]] = []
        self._orders = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._knocks = 0
        self._now: Server | None = Server.started()
        self._next = Server.started()
        self._door = socket.create_server(("127.0.0.1", self.front), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def order_death(self) -> None:
        """Let the server die over the next answers that reach it."""
        self._orders.release()

    def close(self) -> None:
        self._door.close()
        with self._lock:
            for server in filter(None, [self._now, self._next]):
                server.kill()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._door.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _find(self) -> Server | None:
        """Whoever serves now; after a death nobody, until some have knocked in vain."""
        with self._lock:
            if self._now is None:
                self._knocks += 1
                if self._knocks < KNOCKS:
                    return None
                self._knocks, self._now, self._next = 0, self._next, Server.started()
            return self._now

    def _serve(self, client: socket.socket) -> None:
        """Pass on one connection's requests, and the answers unless the server is to die over one."""
        with suppress(OSError), client:
            if (found := self._find()) is None:
                return
            with socket.create_connection(("127.0.0.1", found.port), 10) as server:
                server.settimeout(None)
                threading.Thread(target=_copy, args=(server, client), daemon=True).start()
                while request := _read(client):
                    ids = _answers_in(request)
                    if ids and self._orders.acquire(blocking=False):
                        return self._die_over(found, request, ids)
                    server.sendall(request)

    def _die_over(self, server: Server, request: bytes, ids: list[UUID]) -> None:
        with self._lock:
            try:
                with socket.create_connection(("127.0.0.1", server.port), 10) as link:
                    link.sendall(request)
                    if not _committed(ids, link):
                        return self._orders.release()
            except OSError:  # It died meanwhile over somebody else's: the next one's turn.
                return self._orders.release()
            server.kill()
            self._now = None
            self.deaths.append(ids)


def _committed(ids: list[UUID], link: socket.socket) -> bool:
    """Wait until the answers are stored, no longer than a page waits or until the server says otherwise."""
    stored = Annotation.objects.filter(submission__in=ids)
    until = time.monotonic() + 10
    try:
        while stored.count() < len(set(ids)):
            spoke, _, _ = select.select([link], [], [], 0.01)
            if time.monotonic() > until or (spoke and stored.count() < len(set(ids))):
                print("Not stored:", ids, link.recv(1000) if spoke else "no answer")
                return False
    finally:
        connection.close()
    return True


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
    try:
        yield server
    finally:
        server.close()
