"""What an erasure did and what it cannot do, in plain lines. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from consumers.consent.numbers import is_number
from hookline.called import command
from hookline.erasing.planning import Done, Plan, Spooled
from schemas.times import from_millis
from schemas.topics import DAY_MS, Topic

_NOT_OURS = (
    "copies of the state and of the log (backups, replicas): whatever keeps them has to drop or outlive them",
    "the provider's own records of messages and consents: ask the provider",
    "the provider's list of opt-outs: while it has the number, a poll of that list notes the opt-out again",
    "what other teams' consumers and an old handler behind `mirror` have stored: ask them",
    "log lines hold ids and no numbers; files that you exported (`tail`, `spool export`, `dlq`) may hold all",
)


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield what would go."""
    yield f"would go of {plan.person.number}{_account(plan)}:"
    rows = {} if plan.state is None else plan.state.rows
    yield from _row_lines(rows)
    yield from _topic_lines(plan, "to write")
    yield from _remarks(plan)


def done_lines(plan: Plan, done: Done) -> Iterator[str]:
    """Yield what went."""
    nothing = not (_knows(plan) or any(done.rows.values()))
    yield f"{'nothing was found of' if nothing else 'forgotten:'} {plan.person.number}{_account(plan)}"
    yield from _row_lines(done.rows)
    if done.journal_left:
        yield "  SQLite's -wal file is in use and may still hold them: run this again, or stop the consumers once"
    yield from _topic_lines(plan, "written")
    yield from _remarks(plan)


def rest_lines(
    plan: Plan, topics: Sequence[Topic], spooled: Spooled | None, config: Sequence[str] = (), *, kafka: bool
) -> Iterator[str]:
    """Yield what nobody but time removes, and until when, and what is not ours; `config` names the configuration."""
    yield ""
    yield "time alone removes these; no record of before now is kept beyond the date:"
    for topic in topics:
        yield f"  {topic.name}  {_days(topic)} days, until {_until(plan, topic)}"
    yield from _compaction(kafka=kafka)
    yield f"  dead letters can be discarded before their time: `{command('dlq', 'list', *config)}` names them"
    yield ""
    yield "to look at:"
    if spooled is not None:
        yield (
            f"  {spooled.place}: {spooled.records} webhooks wait there and {spooled.set_aside} files are set aside;"
            f" some may be of this person: `{command('spool', 'inspect', *config)}`"
        )
    yield "  spools of other hosts: whatever waits there comes to the log later"
    yield from (f"  {line}" for line in _NOT_OURS)
    yield ""
    yield f"what is still on its way brings the person back: run this again after {_until_date(plan, 1)}"


def _knows(plan: Plan) -> bool:
    """Tell whether there was anything of the person, gone now or kept."""
    state, topics = plan.state, plan.topics
    kept = plan.opt_outs or (state is not None and (state.under_way or state.unnamed))
    return bool(kept) or (topics is not None and any(each.keys for each in topics.found))


def _account(plan: Plan) -> str:
    return f" at account {plan.person.account}" if plan.person.account else ""


def _row_lines(rows: Mapping[str, int]) -> Iterator[str]:
    for table, count in rows.items():
        yield f"  {table:<16} {count} rows"


def _topic_lines(plan: Plan, word: str) -> Iterator[str]:
    for each in plan.topics.found if plan.topics else ():
        yield f"  {each.topic:<24} {len(each.keys)} tombstones {word}"


def _remarks(plan: Plan) -> Iterator[str]:
    if not is_number(plan.person.number):
        yield "  this is no phone number (E.164, as +15550100): it was looked for in this spelling alone"
    if plan.state is None:
        yield "  there is no state here: no rows; on the host of the consumers there may be one"
    if plan.topics is None:
        yield "  there is no log here: no tombstones; one elsewhere (broker.url) has the person still: run this there"
    if plan.state is not None and plan.state.under_way:
        yield f"  {plan.state.under_way} commands are under way and stay until they are done; then they hold no number"
    if plan.state is not None and plan.state.unnamed:
        yield (
            f"  {plan.state.unnamed} commands that an earlier version began do not tell whom they are for: what they"
            " hold goes when they are done, or with their rows after 60 days"
        )
    if not plan.opt_outs:
        return
    if plan.person.keeps_opt_out:
        yield f"  kept: {len(plan.opt_outs)} opt-outs that count, with the statements that made them"
    else:
        yield (
            f"  {len(plan.opt_outs)} opt-outs are forgotten here too: nothing of ours keeps you from texting this"
            " person again; the provider's own block stays; --keep-opt-out keeps the number for that purpose alone"
        )


def _compaction(*, kafka: bool) -> Iterator[str]:
    if kafka:
        yield "  Kafka removes whole segments: up to the topic's segment.ms (7 days unless changed) may be added;"
        yield "  behind a tombstone the older records go when the topic is compacted, the tombstone itself a day after"
    else:
        yield "  behind a tombstone the older records go with the receiver's next upkeep, the tombstone a day after"


def _days(topic: Topic) -> int:
    return (topic.retention_ms or 0) // DAY_MS


def _until(plan: Plan, topic: Topic) -> str:
    return _until_date(plan, _days(topic))


def _until_date(plan: Plan, days: int) -> str:
    return str((from_millis(int(plan.now * 1000)) + timedelta(days=days)).date())
