"""A real PostgreSQL for the tests: one server for the session, a database of its own for each test.

Where none can be had the tests are skipped with a word; in CI that is a failure. The server is ours from `initdb` on,
so whatever runs on the machine is left alone.
"""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

PASSWORD = "s3cret-word"
_USERS = ("postgres", "nobody")
_START_SECONDS = 30.0
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
}


class PostgresMissingError(Exception):
    """There is no PostgreSQL on this machine, or it does not start."""


class PostgresServer:
    """One server in one folder, of the user `postgres` where we are root. Everything here blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = _programs()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def pid(self) -> int:
        """The process that was started: the postmaster."""
        assert self._process is not None
        return self._process.pid

    def init(self) -> None:
        """Make the files of the server."""
        word = self._folder / "word"
        word.write_text(PASSWORD)
        for path in (self._folder, word):
            if identity := _identity():
                shutil.chown(path, identity["user"])
        command = [self._program("initdb"), "-D", str(self._data), "-U", "hookline", f"--pwfile={word}"]
        found = subprocess.run(
            [*command, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True,
            check=False,
            cwd=self._folder,
            **_identity(),
        )
        if found.returncode:
            raise PostgresMissingError(found.stderr.decode(errors="replace").strip())

    def start(self) -> None:
        """Start the server and return when it takes connections."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                [self._program("postgres"), "-D", str(self._data), "-p", str(self.port), *settings],
                stdout=output,
                stderr=output,
                cwd=self._folder,
                **_identity(),
            )
        for _ in range(int(_START_SECONDS / 0.05)):
            with contextlib.suppress(psycopg.OperationalError):
                order(self.url(), "SELECT 1")
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                break
        raise PostgresMissingError((self._folder / "server.log").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """End the server at once, as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_START_SECONDS)
            self._process = None

    def url(self, name: str = "postgres") -> str:
        """Return the URL of a database, which need not exist."""
        return f"postgresql://hookline:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _program(self, name: str) -> str:
        return str(self._programs / name)


def _programs() -> Path:
    """Return the folder of the newest server on this machine."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise PostgresMissingError("no initdb here (Debian: apt-get install postgresql)")


def _identity() -> dict[str, Any]:
    """Return who the server runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    with contextlib.suppress(ImportError):
        import pwd

        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in _USERS:
            if name in known:
                return {"user": name, "group": known[name].pw_gid, "extra_groups": []}
    raise PostgresMissingError("root has no other user to run the server as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _new_server() -> PostgresServer:
    folder = Path(tempfile.mkdtemp(prefix="hookline-postgresql-"))
    # The last to be registered goes first: the server, then its folder.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = PostgresServer(folder)
    atexit.register(server.stop)
    server.init()
    server.start()
    return server


@functools.cache
def _server() -> PostgresServer | PostgresMissingError:
    # The answer is kept also where it is no.
    try:
        return _new_server()
    except PostgresMissingError as reason:
        return reason


def no_postgres(reason: PostgresMissingError) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"no PostgreSQL in CI: {reason}")
    pytest.skip(f"no PostgreSQL: {reason}")


@contextlib.contextmanager
def own_server() -> Iterator[PostgresServer]:
    """Give a server that the test may stop."""
    try:
        server = _new_server()
    except PostgresMissingError as reason:
        no_postgres(reason)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def postgresql_url() -> Iterator[str]:
    """Give the URL of a new, empty database on the session's server; it goes at the end."""
    server = _server()
    if isinstance(server, PostgresMissingError):
        no_postgres(server)
    name = f"t{uuid.uuid4().hex[:12]}"
    order(server.url(), f"CREATE DATABASE {name}")
    try:
        yield server.url(name)
    finally:
        order(server.url(), f"DROP DATABASE {name} WITH (FORCE)")


def order(url: str, sql: str) -> None:
    """Carry out one statement, outside of any transaction."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(sql.encode())
