"""The `[accounts.NAME]` tables: which provider, and what that provider's settings are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookline.configuration.checks import check_home
from hookline.configuration.problems import Problems, name_of, suggestion
from hookline.configuration.tables import check_number, check_plain, kind_of, note_unknown
from hookline.configuration.toml_lines import KeyPath
from providers.contract import Account, Provider, Secret, Setting
from providers.credentials import SecretError, is_reference, resolve
from providers.registry import PROVIDERS
from schemas.settings import Limits

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference to a secret that leads nowhere now. `place` is `FILE:LINE`; `reason` shows no secret."""

    setting: Setting
    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class AccountReader:
    """Reads account tables. References that lead nowhere are kept apart: not every command needs every secret."""

    folder: Path
    environment: Mapping[str, str]
    problems: Problems
    unresolved: dict[str, list[Unresolved]]

    def read(self, tables: object) -> dict[str, Account]:
        """Return the accounts, after noting what is wrong with them."""
        if not isinstance(tables, dict):
            self.problems.add(("accounts",), f"accounts: expected tables [accounts.NAME], found {kind_of(tables)}")
            return {}
        found = {name: self._account(name, table) for name, table in tables.items()}
        return {name: account for name, account in found.items() if account is not None}

    def _account(self, name: str, table: object) -> Account | None:
        path: KeyPath = ("accounts", name)
        if wrong := wrong_name(name):
            self.problems.add(path, wrong)
        if not isinstance(table, dict):
            self.problems.add(path, f"{name_of(path)}: expected a table [accounts.NAME], found {kind_of(table)}")
            return None
        provider = self._provider(table, path)
        tenant = self._text(table.get("tenant"), (*path, "tenant"))
        if provider is None:
            return None
        known = {setting.name: setting for setting in provider.settings}
        note_unknown(table, {**known, "provider": None, "tenant": None}, path, self.problems)
        settings = {key: self._setting(name, item, table[key]) for key, item in known.items() if key in table}
        defaults = {key: self._default(name, item) for key, item in known.items() if item.default is not None}
        given = {key: value for key, value in settings.items() if value is not None}
        return Account(name=name, provider=provider.name, tenant=tenant, settings={**defaults, **given})

    def _default(self, account: str, setting: Setting) -> Any:
        if setting.kind is not Path:
            return setting.default
        return self._path(str(setting.default).format(account=account))

    def _path(self, text: str) -> str:
        """Return a path of the configuration: a relative one begins at its file."""
        return str((self.folder / text).absolute())

    def _provider(self, table: Mapping[str, object], path: KeyPath) -> Provider | None:
        if "provider" not in table:
            self.problems.add(path, f"{name_of(path)}: 'provider' is missing; one of {', '.join(sorted(PROVIDERS))}")
            return None
        name = self._text(table["provider"], (*path, "provider"))
        if name is not None and name not in PROVIDERS:
            self.problems.add((*path, "provider"), f"unknown provider {name!r}: {suggestion(name, PROVIDERS)}")
        return PROVIDERS.get(name) if name is not None else None

    def _text(self, value: object, path: KeyPath) -> str | None:
        if value is None:
            return None
        text: str | None = check_plain(str, value, path, self.problems)
        return text

    def _setting(self, account: str, setting: Setting, value: object) -> Any:
        path: KeyPath = ("accounts", account, setting.name)
        if not setting.many:
            return self._item(account, setting, value, path)
        if not isinstance(value, list):
            # One alone is a list of one, but only where nobody could take its letters for items.
            if not (setting.fields or setting.secret):
                self.problems.add(path, f"{name_of(path)}: expected a list in square brackets, found {kind_of(value)}")
                return None
            found = self._item(account, setting, value, path)
            return None if found is None else (found,)
        return self._part(account, setting, value, path)

    def _item(self, account: str, setting: Setting, value: object, path: KeyPath) -> Any:
        if isinstance(value, dict) and (setting.fields or setting.kind is dict):
            return self._table(account, setting, value, path)
        if setting.number_as_text and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        kind = str if setting.secret or setting.kind is Path else setting.kind
        found = check_plain(kind, value, path, self.problems)
        if isinstance(found, str):
            return self._word(account, setting, found, path)
        check_number(found, Limits(0), path, self.problems)
        return found

    def _word(self, account: str, setting: Setting, found: str, path: KeyPath) -> Any:
        if setting.choices and found not in setting.choices:
            self.problems.add(path, f"{name_of(path)}: {found!r} is not one of {', '.join(setting.choices)}")
            return None
        if setting.kind is Path or is_reference(found):
            check_home(found, path, self.problems)
        if setting.kind is Path:
            return self._path(found)
        if is_reference(found):
            secret = self._resolved(account, setting, found, path)
            return secret if setting.secret or secret is None else secret.value
        if setting.secret and not setting.literal:
            self.problems.add(path, f"{name_of(path)}: {NO_LITERAL}")
            return None
        return Secret(found.strip(), self.problems.place(path)) if setting.secret else found

    def _table(self, account: str, setting: Setting, table: Mapping[str, Any], path: KeyPath) -> Mapping[str, Any]:
        """Return the values of a table; without `fields` it is one of texts under any name."""
        known = {item.name: item for item in setting.fields} or {name: Setting(name, "") for name in table}
        note_unknown(table, known, path, self.problems)
        given = {name: self._part(account, known[name], table[name], (*path, name)) for name in known if name in table}
        defaults = {name: item.default for name, item in known.items() if item.default is not None}
        return {**defaults, **{name: value for name, value in given.items() if value is not None}}

    def _part(self, account: str, setting: Setting, value: object, path: KeyPath) -> Any:
        if not setting.many:
            return self._item(account, setting, value, path)
        if not isinstance(value, list):
            self.problems.add(path, f"{name_of(path)}: expected a list in square brackets, found {kind_of(value)}")
            return None
        items = [self._item(account, setting, item, (*path, index)) for index, item in enumerate(value)]
        return tuple(item for item in items if item is not None)

    def _resolved(self, account: str, setting: Setting, reference: str, path: KeyPath) -> Secret | None:
        try:
            return resolve(reference, self.folder, self.environment)
        except SecretError as error:
            missing = Unresolved(setting, self.problems.place(path), str(error))
            self.unresolved.setdefault(account, []).append(missing)
            return None


def wrong_name(name: str) -> str | None:
    """Tell what is wrong with the name of an account."""
    if _NAME.fullmatch(name):
        return None
    return f"account name {name!r}: use letters, digits, `_` and `-` alone: it is part of the webhook's URL"


NO_LITERAL = "secrets come from the environment or a file: write env:NAME or file:PATH"
