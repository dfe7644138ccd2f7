"""A network that is slow: what a browser asks arrives late, what the server answers does not."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time


class Proxy(threading.Thread):
    """Passes on what the browser asks after so many milliseconds, and at once what the server answers."""

    def __init__(self, port: int, delay_ms: int) -> None:
        super().__init__(daemon=True)
        self._server, self._delay = port, delay_ms / 1000
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = self._socket.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for one in (browser, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._there, args=(browser, server), daemon=True).start()
                threading.Thread(target=_back, args=(server, browser), daemon=True).start()

    def _there(self, browser: socket.socket, server: socket.socket) -> None:
        """Each piece leaves so long after it came: pieces of one request do not wait for one another."""
        pieces: queue.Queue[tuple[float, bytes]] = queue.Queue()
        threading.Thread(target=self._late, args=(pieces, server), daemon=True).start()
        with contextlib.suppress(OSError):
            while piece := browser.recv(65536):
                pieces.put((time.monotonic() + self._delay, piece))
        pieces.put((time.monotonic() + self._delay, b""))

    def _late(self, pieces: queue.Queue[tuple[float, bytes]], server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, piece = pieces.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not piece:
                    break
                server.sendall(piece)
        _close(server)

    def close(self) -> None:
        self._socket.close()


def _back(server: socket.socket, browser: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := server.recv(65536):
            browser.sendall(piece)
    _close(browser)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_WR)
