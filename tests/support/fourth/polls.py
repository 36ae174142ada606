"""What Acme told and nobody confirmed: `GET /events`."""

from providers.contract import Account
from providers.fields import text
from providers.polling import poll_every, wanted_polls
from providers.rest.errors import UnreadableAnswerError
from providers.rest.transport import Call, Transport
from providers.rest.verbatim import items_of
from providers.roles import Poll, PollBatch, Polled
from tests.support.fourth.access import transport_of
from tests.support.fourth.confirming import MOST_IDS, confirm_events

POLLS = ("events",)
PATH = "/events"


class EventPoll:
    """Asks for unconfirmed events until there are none."""

    name = "events"

    def __init__(self, calls: Transport, every: float) -> None:
        self.every = every
        self._transport = calls

    async def check(self) -> PollBatch:
        """Ask once. Raises ApiError."""
        answer = await self._transport.call(Call(name="events", method="GET", path=PATH, repeatable=True))
        try:
            found = items_of(answer.body, "events")
        except ValueError as error:
            raise UnreadableAnswerError("events: the answer is no JSON object") from error
        value = answer.json()
        ids = [text(item, "id") for item in value["events"] if isinstance(item, dict)] if found else []
        token = tuple(each for each in ids if each is not None)
        return PollBatch(
            items=tuple(Polled(PATH, item) for item in found), again_after=0 if token else None, token=token
        )

    async def stored(self, batch: PollBatch) -> None:
        """Confirm what is stored, as many at once as Acme takes. Raises ApiError."""
        for at in range(0, len(batch.token), MOST_IDS):
            await confirm_events(self._transport, batch.token[at : at + MOST_IDS])

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def polls(account: Account) -> tuple[Poll, ...]:
    """Return the polls that an account wants. Raises AccountError where it has no token."""
    if not wanted_polls(account, POLLS):
        return ()
    return (EventPoll(transport_of(account), poll_every(account)),)
