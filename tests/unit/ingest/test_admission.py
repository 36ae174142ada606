"""Admission by the time that requests wait for their turn."""

import asyncio
import time

import pytest

from ingest.admission import Admission


def test_one_late_turn_is_no_overload() -> None:
    """A single long turn has used up its time already; refusing those behind it would help nobody."""
    admission = Admission(0.5)
    admission.note(3.0)
    assert not admission.overloaded


def test_lateness_again_and_again_is_overload_until_a_turn_in_time() -> None:
    """It ends as soon as the loop is in time again."""
    admission = Admission(0.5)
    admission.note(0.6)
    admission.note(0.7)
    assert admission.overloaded
    admission.note(0.4)
    assert not admission.overloaded


@pytest.mark.may_block
async def test_the_lateness_of_the_loop_is_measured() -> None:
    """A loop that is kept busy runs its timers late."""
    admission = Admission(0.05)
    admission.start()
    try:
        async with asyncio.timeout(5):
            while not admission.overloaded:
                time.sleep(0.15)  # noqa: ASYNC251 - the blocked loop is what is measured
                await asyncio.sleep(0)
        assert admission.lag > 0.05
    finally:
        await admission.stop()
