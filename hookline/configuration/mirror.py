"""What no single value of `[consumers.mirror]` can tell: URLs, secrets, and who gets whose webhooks."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from consumers.mirror.posting import is_header
from consumers.mirror.settings import MirrorSettings, MirrorTarget
from hookline.configuration.checks import check_home
from hookline.configuration.problems import Problems, name_of, suggestion
from hookline.configuration.toml_lines import KeyPath
from providers.credentials import SecretError, is_reference, resolve

_TARGETS: KeyPath = ("consumers", "mirror", "targets")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where references lead: files begin at `folder`, variables are of `environment`."""

    folder: Path
    environment: Mapping[str, str]


def finish_mirror(
    settings: MirrorSettings, accounts: Iterable[str], place: Place, problems: Problems
) -> MirrorSettings:
    """Return the settings with the secrets of headers in their places, after noting what is wrong.

    A reference that leads nowhere stays as it is: the receiver and other commands do not need it.
    """
    _check_shares(settings.targets, tuple(accounts), problems)
    targets = {name: _finished(name, target, place, problems) for name, target in settings.targets.items()}
    return replace(settings, targets=targets)


def _finished(name: str, target: MirrorTarget, place: Place, problems: Problems) -> MirrorTarget:
    path: KeyPath = (*_TARGETS, name)
    if not _NAME.fullmatch(name):
        problems.add(path, f"name of a target {name!r}: use letters, digits, `_` and `-` alone")
    if wrong := _wrong_url(target.url):
        problems.add((*path, "url"), f"{name_of((*path, 'url'))}: {wrong}")
    headers = {
        each: _header(each, value, (*path, "headers", each), place, problems) for each, value in target.headers.items()
    }
    return replace(target, headers=headers)


def _wrong_url(url: str) -> str | None:
    """Tell what is wrong with the URL of a target; shows none of it, for it may hold a password."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "expected a URL that begins with http:// or https://"
    if not usable or not _PRINTABLE.fullmatch(url):
        return "expected a URL that begins with http:// or https://"
    if "@" in parts.netloc:
        return "without user and password: write `headers.Authorization` as a reference"
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        return "without a query: that of each webhook is put there"
    return None


def _header(name: str, value: str, path: KeyPath, place: Place, problems: Problems) -> str:
    if is_reference(value):
        check_home(value, path, problems)
        with contextlib.suppress(SecretError):
            value = resolve(value, place.folder, place.environment).value
    if not is_header(name, value):
        problems.add(path, f"{name_of(path)}: no header field that can be sent from here")
    return value


def _check_shares(targets: Mapping[str, MirrorTarget], accounts: tuple[str, ...], problems: Problems) -> None:
    """Note accounts that are none, and those whose webhooks two targets want: which of them had one would be lost."""
    takers: dict[str, str] = {}
    for name, target in targets.items():
        path: KeyPath = (*_TARGETS, name, "accounts")
        if not target.accounts and path in problems.lines:
            problems.add(path, f"{name_of(path)}: empty, so it gets nothing; leave it out to take all that are left")
        for account in target.accounts:
            if account not in accounts:
                problems.add(path, f"{name_of(path)}: no account {account!r}: {suggestion(account, accounts)}")
        for account in dict.fromkeys(target.accounts or ("",)):
            if account in takers:
                what = f"the webhooks of {account!r} go" if account else "without `accounts` all others go"
                problems.add(path, f"{name_of(path)}: {what} to target {takers[account]!r} already; one takes them")
            takers[account] = name
