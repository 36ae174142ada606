"""What `hookline dlq` does with the log open: look, count, and deal with letters."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from broker.log import Log, LogError
from consumers.dead_letters.choice import EVERYTHING, Choice
from consumers.dead_letters.dealing import Dealer
from consumers.dead_letters.letters import Letter, Resolution
from consumers.dead_letters.places import Place, boxes_of
from consumers.dead_letters.reading import Stretch, letter_at, letters, stretches
from hookline.configuration.config import Config
from hookline.dead_letters.at_log import called, make_retry_topics
from hookline.dead_letters.words import Heap, heap_of
from hookline.errors import CommandError
from hookline.many import many
from hookline.opened_log import opened_log
from schemas.times import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for: letters by their places, or those of the groups that the choice takes."""

    places: tuple[Place, ...] = ()
    groups: tuple[str, ...] = ()
    choice: Choice = EVERYTHING


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to deal with: the open letters counted, where they stand, and those that are dealt with already."""

    counts: Counter[Heap]
    stretches: tuple[Stretch, ...] = ()
    done_before: tuple[Letter, ...] = field(default=())


async def found(log: Log, wanted: Wanted, *, dealt: bool) -> AsyncIterator[Letter]:
    """Yield the letters that are wanted, with `dealt` those dealt with too. Raises LogError, CommandError."""
    async with aclosing(letters(log, await _stretches(log, wanted.groups))) as stream:
        async for letter in stream:
            if (dealt or letter.dealt is None) and wanted.choice.takes(letter):
                yield letter


async def one(log: Log, place: Place) -> Letter:
    """Return the letter at a place. Raises LogError, CommandError where there is none."""
    letter = await letter_at(log, place)
    if letter is None:
        raise CommandError(f"there is no dead letter at {place}: it was kept for 30 days, or never was")
    return letter


async def planned(config: Config, wanted: Wanted) -> Plan:
    """Return what there is to do. Changes nothing. Raises CommandError."""
    async with opened_log(config) as log:
        if wanted.places:
            at = [await one(log, place) for place in wanted.places]
            fresh = [letter for letter in at if letter.dealt is None]
            dealt = tuple(letter for letter in at if letter.dealt is not None)
            return Plan(Counter(map(heap_of, fresh)), done_before=dealt)
        there = await _stretches(log, wanted.groups)
        counts: Counter[Heap] = Counter()
        async for letter in _open(log, there, wanted.choice):
            counts[heap_of(letter)] += 1
        return Plan(counts, there)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with the letters; `rate` is letters a second at most, None for no limit."""

    how: Resolution
    clock: Clock
    rate: float | None = None


async def carry_out(config: Config, wanted: Wanted, plan: Plan, order: Order) -> int:
    """Deal with what was planned, as far as it is still open, and return how many letters that were.

    Raises CommandError, which tells how many are done; the others can be dealt with by the same command.
    """
    done = 0
    async with opened_log(config) as log:
        if order.how is Resolution.REDRIVEN:
            await make_retry_topics(config, log, [box for box, _ in plan.counts])
        seen = {stretch.at: stretch.end for stretch in plan.stretches}
        dealer = Dealer(log, order.how, order.clock, seen=seen, rate=order.rate)
        chosen = _at(log, wanted.places) if wanted.places else _open(log, plan.stretches, wanted.choice)
        try:
            async with aclosing(dealer.deal(chosen)) as batches:
                async for count in batches:
                    done += count
        except LogError as error:
            again = f"run it again for the rest, `{await called('doctor')}` says what the log lacks"
            raise CommandError(
                f"{order.how} {many(done, 'letter')} of {plan.counts.total()}, then: {error}; {again}"
            ) from error
    return done


async def _open(log: Log, there: Sequence[Stretch], choice: Choice) -> AsyncGenerator[Letter]:
    async with aclosing(letters(log, there)) as stream:
        async for letter in stream:
            if letter.dealt is None and choice.takes(letter):
                yield letter


async def _at(log: Log, places: Sequence[Place]) -> AsyncIterator[Letter]:
    for place in dict.fromkeys(places):
        yield await one(log, place)


async def _stretches(log: Log, groups: Sequence[str]) -> tuple[Stretch, ...]:
    """Return what is there of the groups. Raises CommandError for one that has no dead-letter topic."""
    there = await stretches(log, boxes_of(groups))
    unknown = sorted(set(groups) - {stretch.box.group for stretch in there})
    if unknown:
        ours = ", ".join(sorted({box.group for box in boxes_of(())}))
        raise CommandError(f"no dead-letter topic of {', '.join(unknown)} on this log; our own groups are: {ours}")
    return there
