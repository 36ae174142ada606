"""Consumers that work with a state which other hosts cannot see are alone in their groups."""

from pathlib import Path

import pytest

from consumers.consumer import Consumer
from consumers.state.database import Database
from hookline.consuming.crew import guarded
from hookline.consuming.parts import Made
from schemas.envelope import Delivered
from schemas.topics import RESULTS


async def nothing(_delivered: Delivered) -> None:
    """Do nothing."""


@pytest.mark.parametrize("url", ["sqlite:///state.db", "postgresql://hookline@db/hookline"])
@pytest.mark.parametrize("needs_state", [True, False])
def test_a_state_of_one_host_makes_its_consumers_sole(url: str, *, needs_state: bool) -> None:
    """Each of them, whichever it is; who needs no state, or shares it, may have as many members as it likes."""
    consumer = Consumer("track", (RESULTS,), nothing, has_effects=False)
    found = guarded(Made(consumer, needs_state=needs_state), Database(url), "").holding
    alone = found is not None and found.holder().alone
    assert ((found is not None), alone) == (needs_state, needs_state and url.startswith("sqlite"))


@pytest.mark.parametrize(
    ("url", "advice"),
    [("sqlite:///state.db", "run all consumers with the state on one host"), ("postgresql://db/h", "state before it")],
)
def test_who_is_kept_out_by_a_member_is_told_what_to_do_with_its_kind_of_state(url: str, advice: str) -> None:
    """Where hosts share it only an heir waits, for those that have the state before it."""
    consumer = Consumer("track", (RESULTS,), nothing, has_effects=False)
    found = guarded(Made(consumer, needs_state=True), Database(url), "state-before").holding
    assert found is not None
    assert advice in found.beside


async def test_what_tells_a_state_from_others_is_its_name(tmp_path: Path) -> None:
    """It is known once the state is open, and the same at each start."""
    names = set[str]()
    for _ in range(2):
        state = Database(f"sqlite:///{tmp_path / 'state.db'}")
        holding = guarded(Made(Consumer("track", (RESULTS,), nothing, has_effects=False), needs_state=True), state, "x")
        await state.open()
        assert holding.holding is not None
        holder = holding.holding.holder()
        names.add(holder.name)
        assert (holder.heir_of, holder.name.startswith("state-")) == ("x", True)
        await state.close()
    assert len(names) == 1
