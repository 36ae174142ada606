"""Where a member begins that leaves its name beside the offsets: never ahead of what its group has left undone."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import create_autospec

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError

from broker.kafka.marking import Mark

AT = TopicPartition("commands", 0)


def consumer_at(committed: int | None, position: int = 0) -> Any:
    """Return a consumer whose group stands there, and which reads on from `position`."""
    made = create_autospec(AIOKafkaConsumer, instance=True)
    made.committed.return_value = committed
    made.position.return_value = position
    return made


def found(offset: int) -> Mapping[TopicPartition, list[Any]]:
    """Return a fetch that begins with that record."""
    record = create_autospec(object)
    record.offset = offset
    return {AT: [record]}


@pytest.mark.parametrize(("committed", "fetched"), [(5, 9), (5, 5), (0, 0)])
async def test_a_group_that_stands_somewhere_stays_there(committed: int, fetched: int) -> None:
    """A fetch from before a rebalance may be ahead of records that were dropped undone."""
    assert await Mark.places(consumer_at(committed, 12), [AT], found(fetched)) == {AT: committed}


async def test_a_new_group_begins_with_what_it_found() -> None:
    """Its position is behind that already."""
    assert await Mark.places(consumer_at(None, 12), [AT], found(9)) == {AT: 9}


async def test_a_new_group_that_found_nothing_begins_at_its_position() -> None:
    """On an empty partition."""
    assert await Mark.places(consumer_at(None, 7), [AT], {}) == {AT: 7}


async def test_who_has_lost_a_place_marks_none() -> None:
    """A rebalance came between: the next assignment is marked."""
    made = consumer_at(None)
    made.position.side_effect = IllegalStateError
    assert await Mark.places(made, [AT], {}) == {}
