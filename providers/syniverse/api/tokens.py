"""The access token of an application, and its regeneration when it has died. Source: specification, 1.6 to 1.11.

Expiry is not known beforehand (1.11 g): a token is regenerated when a call is refused for it. Syniverse kills the old
one as it gives the new one, so two regenerations never run at once, in this process or beside it, and the new token is
kept before it is used. The request carries the secret in its query: neither its URL nor the provider's words about it
get into an error or a log.

Whoever gives up, a regeneration that has begun goes on: callers and `close` do not cancel it, and it keeps the token
itself. A new one is not begun once the client is closing.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from providers.contract import Secret
from providers.fields import text
from providers.rest.answers import json_of
from providers.rest.errors import ApiError, RefusedError, UnreadableAnswerError
from providers.rest.transport import Call, Tempo, Transport
from providers.syniverse.api.answers import TOKEN_BUSY, TOKEN_EXPIRED, regeneration_errors_of
from providers.syniverse.api.limits import check_validity
from providers.syniverse.api.token_file import TokenFile, TokenFileError

DEFAULT_TOKEN_PATH = "/saop-rest-data/v1/apptoken-refresh"  # noqa: S105 - a path, no token
FOR_EVER = 0
"""The validity of a token that does not expire, as new tokens of applications are (1.11 c, g)."""

_NO_ASKING = 30.0
_CLOSING_PATIENCE = 3.0
_CLAIM_PATIENCE = 3.0
_NOT_FOR_THIS = "4010"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regeneration:
    """What it takes to regenerate a token. `validity` is in seconds."""

    consumer_key: Secret = field(repr=False)
    consumer_secret: Secret = field(repr=False)
    path: str = DEFAULT_TOKEN_PATH
    validity: int = FOR_EVER


class Tokens:
    """The token that calls use now. Calls may share it; one regeneration serves all that wait for it."""

    def __init__(
        self, configured: Secret, base_url: str, regeneration: Regeneration | None, file: TokenFile | None, tempo: Tempo
    ) -> None:
        """Without `regeneration` a dead token stays dead; without `file` a new one is lost with the process.

        Raises LimitError for a validity that Syniverse refuses.
        """
        if regeneration is not None:
            check_validity(regeneration.validity)
        self._configured = configured
        self._regeneration = regeneration
        self._file = file
        self._tempo = tempo
        self._transport = Transport(base_url, _Nothing(), regeneration_errors_of, tempo)
        self._token: str | None = None
        self._running: asyncio.Task[bool] | None = None
        self._resting: tuple[str, float] | None = None
        self._closing = False

    async def current(self) -> str:
        """Return the token: the kept one where there is one of this configuration. Raises ApiError."""
        if self._token is None:
            kept = await self._file.load() if self._file is not None else None
            self._token = kept or self._configured.value.strip()
        return self._token

    async def renewed(self, used: str) -> bool:
        """Tell whether there is another token than the one that was refused, after regenerating it if need be."""
        if self._token not in {None, used}:
            return True
        if self._regeneration is None:
            return False
        if self._running is None and (self._closing or self._rests(used)):
            return await self._kept_by_another(used)
        if self._running is None:
            self._running = asyncio.create_task(self._renew(used, self._regeneration))
            self._running.add_done_callback(self._done)
        # A caller who gives up must not stop it: the old token may be dead already, and others wait.
        return await asyncio.shield(self._running)

    async def settle(self, used: str) -> bool:
        """Wait a little while somebody else changes the token, and take over what was kept; the call is worth a try."""
        await self._tempo.sleep(self._tempo.first_pause * 2)
        await self._kept_by_another(used)
        return True

    async def close(self) -> None:
        """Begin no regeneration any more, give one that runs 3 seconds to end, and close the connections.

        One that takes longer goes on as long as the process does, and closes its connection itself.
        """
        self._closing = True
        try:
            if self._running is not None:
                await _patiently(self._running)
        finally:
            if self._running is None:
                await self._transport.close()

    def _done(self, task: asyncio.Task[bool]) -> None:
        self._running = None
        if not task.cancelled():
            # Where all who waited have given up nobody else takes note of what it raised.
            task.exception()

    def _rests(self, used: str) -> bool:
        return self._resting is not None and self._resting[0] == used and self._tempo.clock() < self._resting[1]

    def _rest(self, token: str) -> None:
        """Do not ask for a successor of this token for a while: it cannot be had, or it is new itself."""
        self._resting = (token, self._tempo.clock() + _NO_ASKING)

    async def _renew(self, used: str, regeneration: Regeneration) -> bool:
        try:
            return await self._renew_claimed(used, regeneration)
        finally:
            if self._closing:
                await self._transport.close()

    async def _renew_claimed(self, used: str, regeneration: Regeneration) -> bool:
        try:
            async with self._claimed():
                if not await self._kept_by_another(used) and not self._closing:
                    await self._regenerate(used, regeneration)
        except TokenFileError:
            # The file is for the operator to mend, so its own words are what the caller has to read; where it failed
            # after the regeneration, the new token is here and works.
            if self._token in {None, used}:
                raise
        except ApiError:
            self._rest(used)
        return self._token not in {None, used}

    async def _kept_by_another(self, used: str) -> bool:
        """Take over the token that another process has kept meanwhile, and tell whether there is one."""
        kept = await self._file.load() if self._file is not None else None
        if kept is None or kept == used:
            return False
        self._token = kept
        return True

    async def _regenerate(self, used: str, regeneration: Regeneration) -> None:
        if self._file is not None:
            await self._file.check()
        fresh = await self._regenerated(used, regeneration)
        try:
            if self._file is not None:
                # Nothing is awaited between the answer and this: what cancels us now does not stop the writing.
                await self._file.save(fresh)
        finally:
            # It is the only token that lives now, even where the disk has failed since it was checked.
            self._token = fresh
            self._rest(fresh)

    async def _regenerated(self, used: str, regeneration: Regeneration) -> str:
        query = (
            ("consumerkey", regeneration.consumer_key.value.strip()),
            ("consumersecret", regeneration.consumer_secret.value.strip()),
            ("oldtoken", used),
            ("validity", str(regeneration.validity)),
        )
        call = Call(name="token regeneration", method="GET", path=regeneration.path, query=query)
        answer = await self._transport.call(call)
        found = json_of(answer.body)
        fresh = text(found, "accessToken") if isinstance(found, dict) else None
        if fresh is None:
            raise UnreadableAnswerError("token regeneration: the answer has no accessToken")
        return fresh

    @asynccontextmanager
    async def _claimed(self) -> AsyncGenerator[None]:
        if self._file is None:
            yield
            return
        async with self._file.claim(self._tempo.timeout * _CLAIM_PATIENCE):
            yield


class Bearer:
    """Proves calls with the token. `own_4046` says that code 4046 means a token of the call's own, not ours."""

    def __init__(self, tokens: Tokens, *, own_4046: bool = False) -> None:
        self._tokens = tokens
        self._own_4046 = own_4046

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:
        """Return the header that proves a call. Raises ApiError."""
        del call, target
        return {"Authorization": f"Bearer {await self._tokens.current()}"}

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:
        """Get a new token where the refusal says that ours is dead; wait where it is being changed just now."""
        used = sent.get("Authorization", "").removeprefix("Bearer ")
        if refusal.status == 409 and refusal.code == TOKEN_BUSY:
            return await self._tokens.settle(used)
        return self._says_dead(refusal) and await self._tokens.renewed(used)

    def _says_dead(self, refusal: RefusedError) -> bool:
        if refusal.status == 401:
            return refusal.code != _NOT_FOR_THIS
        return refusal.status == 404 and refusal.code == TOKEN_EXPIRED and not self._own_4046


async def _patiently(task: asyncio.Task[bool]) -> None:
    """Wait a little for a task; who cuts the wait gets it only then, for a token that is lost is lost for good."""
    waiting = asyncio.ensure_future(asyncio.wait({task}, timeout=_CLOSING_PATIENCE))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await waiting
        raise


class _Nothing:
    """The regeneration proves itself by its query."""

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:
        del call, target
        return {}

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:
        del refusal, sent
        return False
