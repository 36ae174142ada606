"""The configuration file: read, checked as a whole, and turned into the settings of each room."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from broker.settings import BrokerSettings
from consumers.send.settings import SendAccount
from consumers.settings import ConsumersSettings
from hookline.called import command
from hookline.configuration.accounts import NO_LITERAL, AccountReader, Unresolved
from hookline.configuration.checks import check_broker, check_home, check_log_url, check_server, check_spool
from hookline.configuration.mirror import Place, finish_mirror
from hookline.configuration.problems import ConfigError, Problems, name_of, suggestion
from hookline.configuration.reply_checks import check_replies, check_stop_words
from hookline.configuration.settings import LoggingSettings
from hookline.configuration.state_url import read_state
from hookline.configuration.tables import load_table, note_unknown
from hookline.configuration.toml_lines import KeyPath, lines_of
from ingest.settings import ServerSettings, SpoolSettings
from providers.contract import Account
from providers.credentials import SecretError, is_reference, resolve
from schemas.urls import SQLITE, sqlite_path

__all__ = ["TABLES", "Config", "ConfigError", "load_config", "resolve_url"]

TABLES: Mapping[str, type] = {
    "server": ServerSettings,
    "spool": SpoolSettings,
    "broker": BrokerSettings,
    "consumers": ConsumersSettings,
    "logging": LoggingSettings,
}
"""The tables whose keys are fixed; `[accounts.NAME]` depends on the provider."""

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration. `unresolved` holds by account the references that lead to no secret now."""

    path: Path
    server: ServerSettings
    spool: SpoolSettings
    broker: BrokerSettings
    accounts: Mapping[str, Account]
    consumers: ConsumersSettings
    logging: LoggingSettings
    unresolved: Mapping[str, tuple[Unresolved, ...]] = field(default_factory=dict[str, tuple[Unresolved, ...]])


def load_config(path: Path, environment: Mapping[str, str]) -> Config:
    """Read the configuration at `path`.

    An account's reference to a secret that is not there is no error here, since not every command needs it:
    it is in `unresolved`. Raises ConfigError, one line for each problem: `FILE:LINE: what and what to do`.
    """
    text = _text_of(path)
    tree = _parsed(path, text)
    problems = Problems(str(path), lines_of(text))
    note_unknown(tree, {**TABLES, "accounts": None}, (), problems)
    loaded: dict[str, Any] = {
        name: load_table(cls, tree.get(name, {}), (name,), problems) for name, cls in TABLES.items()
    }
    reader = AccountReader(path.parent, environment, problems, {})
    accounts = reader.read(tree.get("accounts", {}))
    finish = _Finish(path.parent.absolute(), environment, problems)
    if loaded["server"]:
        loaded["server"] = finish.server(loaded["server"])
    if loaded["broker"]:
        loaded["broker"] = finish.broker(loaded["broker"])
    if loaded["spool"]:
        loaded["spool"] = finish.spool(loaded["spool"])
    if loaded["consumers"]:
        loaded["consumers"] = finish.consumers(loaded["consumers"], _table(tree.get("accounts")))
    problems.raise_if_any()
    unresolved = {name: tuple(found) for name, found in reader.unresolved.items()}
    return Config(path=path, accounts=accounts, unresolved=unresolved, **loaded)


def resolve_url(url: str, folder: Path) -> str:
    """Return a URL whose SQLite path is absolute; three slashes are relative to `folder`, four are absolute."""
    path = sqlite_path(url)
    return url if path is None else f"{SQLITE}{(folder / path).absolute()}"


@dataclass(frozen=True, slots=True)
class _Finish:
    """What no single field can tell: paths, secrets of the broker, names that point at each other."""

    folder: Path
    environment: Mapping[str, str]
    problems: Problems

    def server(self, server: ServerSettings) -> ServerSettings:
        check_server(server, self.problems)
        return replace(
            server,
            tls_certfile=self._path(server.tls_certfile, ("server", "tls_certfile")),
            tls_keyfile=self._path(server.tls_keyfile, ("server", "tls_keyfile")),
        )

    def broker(self, broker: BrokerSettings) -> BrokerSettings:
        check_broker(broker, self.problems)
        check_log_url(broker.url, self.problems)
        kafka = broker.kafka
        table: KeyPath = ("broker", "kafka")
        found = replace(
            kafka,
            sasl_password=self._password(kafka.sasl_password),
            ssl_cafile=self._path(kafka.ssl_cafile, (*table, "ssl_cafile")),
            ssl_certfile=self._path(kafka.ssl_certfile, (*table, "ssl_certfile")),
            ssl_keyfile=self._path(kafka.ssl_keyfile, (*table, "ssl_keyfile")),
        )
        return replace(broker, url=resolve_url(broker.url, self.folder), kafka=found)

    def spool(self, spool: SpoolSettings) -> SpoolSettings:
        check_spool(spool, self.problems)
        return replace(spool, dir=str(self.folder / spool.dir))

    def consumers(self, consumers: ConsumersSettings, accounts: Mapping[str, object]) -> ConsumersSettings:
        check_replies(consumers.auto_reply, accounts, self.problems)
        self._check_send(consumers.send.accounts, accounts)
        check_stop_words(consumers.consent.stop_words, self.problems)
        mirror = finish_mirror(consumers.mirror, accounts, Place(self.folder, self.environment), self.problems)
        state = read_state(consumers.state, self.folder, self.environment, self.problems)
        return replace(consumers, state=state, mirror=mirror)

    def _check_send(self, tables: Sequence[SendAccount], accounts: Mapping[str, object]) -> None:
        """Note tables of accounts that are not there, and of one that has a table already: only that would count."""
        seen = set[str]()
        for index, own in enumerate(tables):
            path: KeyPath = ("consumers", "send", "accounts", index, "name")
            if own.name not in accounts:
                told = f"no account {own.name!r}: {suggestion(own.name, accounts)}"
                self.problems.add(path, f"{name_of(path)}: {told}")
            if own.name in seen:
                self.problems.add(path, f"{name_of(path)}: {own.name!r} has a table already; one holds all of it")
            seen.add(own.name)

    def _path(self, text: str | None, path: KeyPath) -> str | None:
        if text is not None and not text.strip():
            self.problems.add(path, f"{name_of(path)}: empty; name a file, or leave it out")
        check_home(text or "", path, self.problems)
        return None if text is None else str(self.folder / text)

    def _password(self, text: str | None) -> str | None:
        path: KeyPath = ("broker", "kafka", "sasl_password")
        if text is None:
            return None
        if not is_reference(text):
            self.problems.add(path, f"{name_of(path)}: {NO_LITERAL}")
            return None
        check_home(text, path, self.problems)
        try:
            return resolve(text, self.folder, self.environment).value
        except SecretError as error:
            self.problems.add(path, f"{name_of(path)}: {error}")
            return None


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        advice = f"`{command('init', 'telnyx')}` writes one, and --config FILE names another"
        raise ConfigError(f"{path}: there is no such file; {advice}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than {_MAX_BYTES} bytes, so hardly a configuration")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8; save the file in that encoding") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_problem(path, text, str(error))) from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: brackets are nested too deep") from error
    except ValueError as error:
        # int() refuses numbers of thousands of digits without saying where they stand.
        raise ConfigError(f"{path}:1: {error}") from error


def _syntax_problem(path: Path, text: str, message: str) -> str:
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    column = f", column {place[2]}" if place and place[2] else ""
    what = message[: place.start()] if place else message
    return f"{path}:{line}: not valid TOML{column}: {what[:1].lower()}{what[1:]}"
