"""Consumers that work with a state which other hosts cannot see are alone in their groups."""

import pytest

from consumers.consumer import Consumer
from hookline.consuming.crew import ONE_HOST, guarded
from hookline.consuming.parts import Made
from schemas.envelope import Delivered
from schemas.topics import RESULTS


async def nothing(_delivered: Delivered) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("needs_state", "shared", "sole"), [(True, False, ONE_HOST), (True, True, None), (False, False, None)]
)
def test_a_state_of_one_host_makes_its_consumers_sole(*, needs_state: bool, shared: bool, sole: str | None) -> None:
    """Each of them, whichever it is; who needs no state, or shares it, may have as many members as it likes."""
    consumer = Consumer("track", (RESULTS,), nothing, has_effects=False)
    assert guarded(Made(consumer, needs_state=needs_state), shared=shared).sole == sole
