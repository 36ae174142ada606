"""How either database is opened: what a transaction is there, and how long anything may take.

Everything here blocks.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from consumers.state.errors import StateError
from schemas.urls import sqlite_path

POSTGRESQL_THREADS = 4
POSTGRESQL = "postgresql://"
FORMS = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
BUSY_WAIT = 5.0
_LIMITS = (
    "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c client_encoding=UTF8"
)
_REACH = {
    "connect_timeout": 5,
    # A server that vanished without a word is noticed while an answer is waited for.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
    "application_name": "hookline",
    # Behind a pooler the next transaction may meet another server, which knows no statement of ours.
    "prepare_threshold": None,
}


def postgresql_url(text: str) -> URL | None:
    """Return the parts of a `postgresql://` URL with a database; None where it is no such URL."""
    if not text.startswith(POSTGRESQL):
        return None
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # What the parser says may quote a password.
        return None
    # An `@` in the host is one of a password that was not escaped: the rest of it would be shown as the host.
    return url if url.database and "@" not in (url.host or "") else None


def place_of(url: str) -> str:
    """Return where a state is, for people: a path, or a URL without its user, password and options."""
    path, server = sqlite_path(url), postgresql_url(url)
    if server is not None:
        return URL.create("postgresql", host=server.host, port=server.port, database=server.database).render_as_string()
    return "?" if path is None else str(path)


def new_engine(url: str) -> Engine:
    """Return an engine that has not connected yet; the file is made, for our user alone. Raises OSError, StateError."""
    path, server = sqlite_path(url), postgresql_url(url)
    if path is not None:
        return _sqlite(path)
    if server is not None:
        return _postgresql(server)
    raise StateError(f"expected {FORMS}")


def _sqlite(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    arguments = {"timeout": BUSY_WAIT, "check_same_thread": False}
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, poolclass=StaticPool, connect_args=arguments, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _postgresql(url: URL) -> Engine:
    given = url.query.get("options", "")
    options = " ".join((*([given] if isinstance(given, str) else given), _LIMITS)).strip()
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=POSTGRESQL_THREADS,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={**_REACH, "options": options},
        hide_parameters=True,
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Transactions are ours: the driver's own would begin late and read what another process then changes.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
