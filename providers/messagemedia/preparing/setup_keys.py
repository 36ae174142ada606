"""What is to be done so that an account's notifications are signed, and how its key is changed.

The order of a rotation (README of this folder, section 5): create, store, deploy, enable, keep the old public key
until retries have run out, delete. Between the runs of this the operator stores and deploys.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from providers.contract import Account, Secret
from providers.credentials import is_reference
from providers.messagemedia.api.models import SignatureKey
from providers.messagemedia.api.signature_keys import SignatureKeys
from providers.messagemedia.proof.keys import key_id, public_keys_of
from providers.messagemedia.proof.secret_headers import secret_headers_of
from providers.rest.errors import AuthenticationError, UnreadableAnswerError
from providers.roles import SetupRequest, SetupStep, StepKind
from schemas.errors import HooklineError

DIGEST = "SHA256"
_FILE_NAME = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys at the provider, oldest first, and the ids of those that the configuration has."""

    found: tuple[SignatureKey, ...]
    configured: frozenset[str]

    def is_ours(self, key: SignatureKey) -> bool:
        return _id(key) in self.configured

    @property
    def newest_of_ours(self) -> SignatureKey | None:
        """The key that is to be enabled."""
        return next((key for key in reversed(self.found) if self.is_ours(key)), None)

    @property
    def waiting(self) -> SignatureKey | None:
        """The youngest key, where the configuration has yet to learn of it."""
        youngest = self.found[-1] if self.found else None
        return None if youngest is None or self.is_ours(youngest) else youngest


async def key_steps(api: SignatureKeys, account: Account, request: SetupRequest) -> tuple[SetupStep, ...]:
    """Ask which keys there are, and return what is to be done. Raises ApiError."""
    has_secret = bool(secret_headers_of(account))
    configured = frozenset(key.id for key in public_keys_of(account))
    if has_secret and not configured and not request.rotate and not request.remove_old:
        return (SetupStep(StepKind.KEEP, "signature keys: not used", "the secret header proves the webhooks"),)
    try:
        found = [key async for key in api.list()]
    except AuthenticationError as error:
        if error.status != 403:
            raise
        return (_not_enabled(error, has_secret),)
    keys = _Keys(tuple(sorted(found, key=_made)), configured)
    return (
        *_creation(api, account, request, keys),
        *(_step(api, account, request, keys, key) for key in keys.found),
        *(_gone(one) for one in sorted(configured - set(map(_id, found)))),
    )


def _creation(api: SignatureKeys, account: Account, request: SetupRequest, keys: _Keys) -> tuple[SetupStep, ...]:
    # A key that waits for the operator is not followed by another, however often this runs.
    rotate = request.rotate and (keys.waiting is None or bool(keys.waiting.enabled))
    if keys.found and not rotate:
        return ()
    what = f"a signature key, {DIGEST} with RSA"
    detail = "not enabled yet; its public key is told once, and kept in a file"
    return (SetupStep(StepKind.CREATE, what, detail, partial(_create, api, account, request)),)


async def _create(api: SignatureKeys, account: Account, request: SetupRequest) -> Sequence[str]:
    key = await api.create(digest=DIGEST)
    if not key.key_id or not key.public_key or not _FILE_NAME.fullmatch(key.key_id):
        raise UnreadableAnswerError("signature_keys.create: the answer has no key_id or no public_key")
    try:
        reference = await request.keep(f"{account.name}-{key.key_id}.pub", key.public_key)
    except (HooklineError, OSError) as error:
        # It is told this once and is nobody's secret: better on a screen than lost.
        reference = key.public_key
        kept = f"the public key could not be kept in a file ({error}): it stands in the line itself"
    else:
        kept = f"public key kept: {reference}"
    table = {"id": key.key_id, "digest": key.digest or DIGEST, "public_key": reference}
    return (
        f"key {key.key_id} made; {kept}",
        f"put into the configuration of account {account.name}:",
        _line((*map(_table, account.settings.get("keys") or ()), table)),
        "then restart every receiver, and run this again to enable the key",
    )


def _step(api: SignatureKeys, account: Account, request: SetupRequest, keys: _Keys, key: SignatureKey) -> SetupStep:
    what = f"signature key {key.key_id}"
    if not keys.is_ours(key):
        return _stranger(api, account, request, keys, key)
    if key.enabled:
        return SetupStep(StepKind.KEEP, what, "enabled")
    if key is keys.newest_of_ours:
        detail = "disables the one that is enabled; only when every receiver runs with this configuration"
        return SetupStep(StepKind.CHANGE, f"{what}: enable", detail, partial(_enable, api, key))
    return SetupStep(StepKind.KEEP, what, "not enabled; stays in the configuration until the last retries have run out")


def _stranger(api: SignatureKeys, account: Account, request: SetupRequest, keys: _Keys, key: SignatureKey) -> SetupStep:
    """Return the step for a key that the configuration has not."""
    what = f"signature key {key.key_id}"
    where = f"its public key was told once, at creation; setup keeps it as {account.name}-{key.key_id}.pub"
    if key.enabled:
        newest = keys.newest_of_ours
        if newest is not None and not newest.enabled:
            return SetupStep(StepKind.KEEP, what, "enabled until the key of the configuration is")
        detail = f"enabled, and not in the configuration: {where}; where that is lost, rotate"
        return SetupStep(StepKind.MANUAL, what, detail)
    spared = request.rotate and key is keys.waiting
    if request.remove_old and not spared:
        return SetupStep(StepKind.REMOVE, what, "not enabled and not in the configuration", partial(_delete, api, key))
    if key is keys.waiting:
        detail = f"waits to be put into the configuration and enabled: {where}; where that is lost, remove old keys"
        return SetupStep(StepKind.MANUAL, what, detail)
    return SetupStep(StepKind.KEEP, what, "not enabled and not in the configuration; remove old keys to be rid of it")


async def _enable(api: SignatureKeys, key: SignatureKey) -> Sequence[str]:
    await api.enable(key.key_id or "")
    return (f"key {key.key_id} enabled; leave the old key in the configuration until retries have run out",)


async def _delete(api: SignatureKeys, key: SignatureKey) -> Sequence[str]:
    await api.delete(key.key_id or "")
    return (f"key {key.key_id} deleted",)


def _gone(one: str) -> SetupStep:
    return SetupStep(
        StepKind.MANUAL, f"signature key {one}", "in the configuration, and not at the provider: take it out there"
    )


def _not_enabled(error: AuthenticationError, has_secret: bool) -> SetupStep:
    said = next((one.title for one in error.errors if one.title), "status 403")
    other = "until then the secret header proves the webhooks" if has_secret else "or set secret_header and run again"
    return SetupStep(
        StepKind.MANUAL,
        "signature keys: the account has not the feature (API_SECURE_CALLBACKS)",
        f"the provider says: {said} Ask MessageMedia's support for enterprise webhooks; {other}",
    )


def _line(tables: Sequence[Mapping[str, str]]) -> str:
    inner = ", ".join("{" + ", ".join(f'{name} = "{value}"' for name, value in table.items()) + "}" for table in tables)
    return f"keys = [{inner}]"


def _table(entry: Mapping[str, Any]) -> Mapping[str, str]:
    """Return an entry of `keys` as the configuration has it: references stay, a public key is nobody's secret."""
    secret = entry.get("public_key")
    reference = ""
    if isinstance(secret, Secret):
        reference = secret.origin if is_reference(secret.origin) else "".join(secret.value.split())
    return {"id": str(entry.get("id")), "digest": str(entry.get("digest") or DIGEST), "public_key": reference}


def _id(key: SignatureKey) -> str:
    return key_id(key.key_id or "")


def _made(key: SignatureKey) -> datetime:
    return key.created or _LONG_AGO
