"""The whole site in one foreground command: migrations, static files, web server, worker."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from argparse import ArgumentParser
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from annotator.processes import Child, run

# Numeric libraries start a thread for each core unless told otherwise; annotators would feel that.
_ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"], "1")


class Command(BaseCommand):
    help = "Run the web site and its worker in the foreground until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on: %(default)s.")
        parser.add_argument("--port", type=int, default=8000, help="Port to listen on: %(default)s.")
        parser.add_argument("--no-worker", action="store_true", help="Run the web server alone.")
        parser.add_argument("--workers", type=int, default=2, help="Tasks side by side: %(default)s.")

    def handle(self, *_args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        refuse_a_taken_port(host, port)
        call_command("migrate", interactive=False, verbosity=0)
        collect_static()
        children = [web(host, port)]
        if not options["no_worker"]:
            children.append(worker(options["workers"]))
        run(children, ready=lambda: self._announce(host, port))

    def _announce(self, host: str, port: int) -> bool:
        """Print the address as soon as the site answers there, whatever it says."""
        connection = HTTPConnection(_reachable(host), port, timeout=2)
        try:
            connection.request("HEAD", "/healthz")
            connection.getresponse()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        shown = _reachable(host)
        shown = f"[{shown}]" if ":" in shown else shown
        self.stdout.write(f"Open http://{shown}:{port}/ in a browser. Ctrl-C ends everything.")
        if _reachable(host) != host and not os.environ.get("ALLOWED_HOSTS"):
            self.stdout.write("Other machines are refused until ALLOWED_HOSTS names this host.")
        self.stdout.flush()
        return True


def _reachable(host: str) -> str:
    """Where this machine finds a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def refuse_a_taken_port(host: str, port: int) -> None:
    """Raise CommandError when somebody listens there already: the web server itself would share the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another with --port."
            ) from error


def collect_static() -> None:
    """Copy and compress the static files, unless they are the ones that were copied last time."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    now = _static_digest()
    if stamp.exists() and stamp.read_text() == now:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(now)


def _static_digest() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            state = Path(storage.path(path)).stat()
            digest.update(f"{path}:{state.st_size}:{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def web(host: str, port: int) -> Child:
    """The web server. Several processes only with Redis: without it, each would have a cache of its own."""
    cores = os.cpu_count() or 1
    processes = min(4, cores) if settings.REDIS_URL else 1
    threads = min(8, 2 * cores + 1)
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1"]
    command += ["--host", host, "--port", str(port)]
    command += ["--workers", str(processes), "--blocking-threads", str(threads)]
    # Connections that a process keeps, idle ones too: a browser holds up to six.
    command += ["--backpressure", "1024", "--respawn-failed-workers", "--workers-kill-timeout", "8"]
    command += ["--log-level", "warning", "annotator.wsgi:application"]
    return Child("The web server", command, environment={"SERVED": "1"})


def worker(count: int) -> Child:
    """The Celery worker with its clock. Old messages are dropped: all work stands in the database."""
    command = [sys.executable, "-W", "ignore:You're running the worker with superuser", "-m", "celery"]
    command += ["--quiet", "--app", "annotator", "worker", "--beat", "--purge", "--concurrency", str(count)]
    command += ["--without-mingle", "--without-gossip", "--loglevel", "WARNING"]
    return Child("The worker", command, environment=_ONE_THREAD, niceness=5, silent=True)
