"""What is said while the state cannot be opened."""

import asyncio

import pytest
import structlog

from consumers.loop.run import ConsumerHealth
from consumers.loop.tempo import Tempo
from consumers.state.database import StateError
from consumers.state.errors import NotOursError
from hookline.consuming.with_state import OTHERS_ADVICE, SERVER_ADVICE, WithState


class Server:
    """A state on a server that cannot be opened."""

    place = "postgresql://db.internal/hookline"
    shared = True

    def __init__(self, error: StateError) -> None:
        self.error = error

    async def open(self) -> None:
        """Fail."""
        raise self.error


class Idle:
    """A loop that does nothing."""

    async def run(self) -> None:
        """Not reached."""

    def stop(self) -> None:
        """Nothing to stop."""

    def health(self) -> ConsumerHealth:
        """Tell nothing."""
        return ConsumerHealth("send", running=True, assigned=frozenset(), reason=None, last_progress=None)


@pytest.mark.parametrize(
    ("error", "advice"), [(StateError("refused"), SERVER_ADVICE), (NotOursError("newer"), OTHERS_ADVICE)]
)
async def test_the_advice_is_about_what_is_wrong(error: StateError, advice: str) -> None:
    """A state of a newer version is not mended by looking at the server."""
    loop = WithState(Idle(), Server(error), Tempo(first_pause=60.0))
    with structlog.testing.capture_logs() as lines:
        running = asyncio.create_task(loop.run())
        await asyncio.sleep(0)
        loop.stop()
        await running
    assert [(line["event"], line["error"], line["advice"]) for line in lines] == [("consumer_down", str(error), advice)]
    assert loop.health().reason == "state_unavailable"
