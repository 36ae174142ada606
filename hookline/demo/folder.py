"""The demo's folder: what it writes there, what it may remove, and that one demo at a time uses it.

Every file is written by blocking calls: use a thread.
"""

import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from hookline.errors import CommandError

_MARK = ".hookline-demo"
_FIRST_LINE = "# Written by `hookline demo` at each start. Copy it before you change it."
_DATA = re.compile(r"data-\d{8}-\d{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths of one run. `data` is a fresh folder in `root`, removed by the next run."""

    root: Path
    data: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.root / "hookline.toml"

    @property
    def log(self) -> Path:
        """The embedded log."""
        return self.data / "log.db"

    @property
    def log_file(self) -> Path:
        """The log lines of the process, JSON."""
        return self.root / "hookline.log"

    @property
    def request_body(self) -> Path:
        """The body of the webhook that a person may post."""
        return self.root / "request" / "body.json"

    @property
    def request_headers(self) -> Path:
        """Its header lines, with the signature."""
        return self.root / "request" / "headers.txt"


@contextmanager
def opened(root: Path) -> Generator[Folder]:
    """Make the folder ready for a new run and keep other demos out of it.

    What an earlier demo wrote is replaced; nothing else is touched. Raises CommandError.
    """
    with _prepared(root):
        yield _fresh(root)


def write_keys(folder: Folder, account: str, values: Mapping[str, str]) -> None:
    """Write each value of an account to a file of its name, readable by its owner alone."""
    keys = folder.root / "keys" / account
    keys.parent.mkdir(mode=0o700, exist_ok=True)
    keys.mkdir(mode=0o700, exist_ok=True)
    for name, value in values.items():
        path = keys / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value + "\n")


def key_reference(account: str, name: str) -> str:
    """Return what the configuration writes for a key file of an account."""
    return f"file:keys/{account}/{name}"


def write_config(folder: Folder, accounts: Mapping[str, Sequence[str]], ports: Sequence[int]) -> None:
    """Write the configuration, which works from a second terminal too. `accounts` gives the lines of each."""
    tables = ("\n".join([f"[accounts.{name}]", *lines]) for name, lines in accounts.items())
    text = _CONFIG.format(
        first=_FIRST_LINE, listen=ports[0], admin=ports[1], data=folder.data.name, accounts="\n\n".join(tables)
    )
    folder.config.write_text(text, encoding="utf-8")


def write_request(folder: Folder, body: bytes, headers: Mapping[str, str]) -> None:
    """Write a signed request for `curl`. Each file is replaced in one step, never half written."""
    folder.request_body.parent.mkdir(exist_ok=True)
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
    for path, data in ((folder.request_body, body), (folder.request_headers, lines.encode())):
        fresh = path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(path)


def free_ports(number: int) -> Sequence[int]:
    """Return ports of 127.0.0.1 that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _prepared(root: Path) -> TextIO:
    """Return the mark, locked until it is closed."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        _refuse_foreign_config(root / "hookline.toml")
        mark = (root / _MARK).open("a")
    except OSError as error:
        raise CommandError(f"{error.filename or root}: {error.strerror}: name another folder with --dir") from error
    try:
        _lock(root, mark.fileno())
    except CommandError:
        mark.close()
        raise
    return mark


def _lock(root: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CommandError(f"another demo runs in {root}: name another folder with --dir") from error


def _refuse_foreign_config(path: Path) -> None:
    if path.exists() and path.read_text(encoding="utf-8", errors="replace").partition("\n")[0] != _FIRST_LINE:
        raise CommandError(f"{path} is not the demo's own and would be overwritten: name another folder with --dir")


def _fresh(root: Path) -> Folder:
    for old in root.iterdir():
        if _DATA.fullmatch(old.name) and (old / _MARK).exists():
            shutil.rmtree(old)
    data = root / time.strftime("data-%Y%m%d-%H%M%S", time.gmtime())
    data.mkdir()
    (data / _MARK).touch()
    return Folder(root, data)


_CONFIG = """\
{first}
# Another terminal can use it while the demo runs: hookline tail --config THIS_FILE --topic messaging.inbound.v1

[server]
listen = "127.0.0.1:{listen}"   # POST /webhooks/ACCOUNT
admin = "127.0.0.1:{admin}"    # GET /healthz, /readyz, /metrics
drain_listen = 0.0              # no balancer in front has to notice that the demo ends

[broker]
url = "sqlite:///{data}/log.db"   # the embedded log; kafka://host:9092 in production

[spool]
dir = "{data}/spool"   # where webhooks wait while the log is away

# Each account has a simulated cloud of its own: what proves its webhooks, what calls its API, and where that listens.
{accounts}

[consumers]
state = "sqlite:///{data}/state.db"   # the ledger of sent commands

# What no rule answers gets this. The bounds against loops are off: the numbers of fiction are few, and come again.
[consumers.auto_reply]
default_reply = "Thanks, we will call you back."
rate = 0
same_text = 0
cooldown = 0

[[consumers.auto_reply.rules]]
name = "hours"
keywords = ["HOURS"]
reply = "Open 9 to 17."
"""
