"""The ledger of the fault bench, its judge, its order check and its books of what Kafka holds."""

from collections.abc import Sequence
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from deploy.faults.damage import Broken, Reported, named, reported
from deploy.faults.judge import Account, Named, judge
from deploy.faults.latency import Latencies
from deploy.faults.ledger import MIXED, Ledger, Sent
from deploy.faults.stored import TOPICS, Stored
from hookline.demo.collect import digest_of
from schemas.records import StoredRecord

DELIVERY, CLICKS = TOPICS.index("messaging.delivery.v1"), TOPICS.index("messaging.clicks.v1")


def raw(body: bytes) -> StoredRecord:
    """Return a record of the raw topic."""
    return StoredRecord(TOPICS[0], 0, 0, 0, b"key", body, (("http_target", b"/webhooks/main"),))


def event(name: bytes, offset: int, key: bytes = b"k", topic: int = DELIVERY) -> StoredRecord:
    """Return a record of a typed topic, in partition 0."""
    return StoredRecord(TOPICS[topic], 0, offset, 0, key, b"{}", (("ce_id", name.hex().encode()),))


class Books:
    """A ledger and what Kafka holds, filled by hand: the body of a webhook is the ids of its events."""

    def __init__(self, topic: int = DELIVERY) -> None:
        self.ledger = Ledger()
        self.stored = Stored(lambda record: [(one, topic) for one in _ids(record.value or b"")])

    def acknowledge(
        self, *events: bytes, began: float = 1.0, acked: float = 2.0, worker: int = 0, earlier: bytes | None = None
    ) -> bytes:
        """Issue and acknowledge a webhook with these events; return its body. `earlier` is of its first attempt."""
        body = b"".join(events)
        number = self.ledger.issue(began, 0, worker, len(events))
        self.ledger.acknowledge(number, sent(body), acked, [] if earlier is None else [sent(earlier)])
        return body

    def store(self, *records: StoredRecord) -> None:
        """Let Kafka hold these."""
        for record in records:
            self.stored.take(record)

    def judge(self, known: Named | None = None) -> Account:
        """Close the ledger."""
        return judge(self.ledger, self.stored, known or Named())[0]


def sent(body: bytes) -> Sent:
    """Return the content that an attempt with this body has; its id is that of its first event."""
    return Sent(digest_of(raw(body)), body[:16])


def _ids(body: bytes) -> Sequence[bytes]:
    return [body[at : at + 16] for at in range(0, len(body), 16)]


def id_of(number: int) -> bytes:
    """Return an event id."""
    return number.to_bytes(16)


A, B, C = id_of(1), id_of(2), id_of(3)


def test_a_ledger_closes_where_everything_is_there_once() -> None:
    """Nothing lost, nothing twice, nothing out of order."""
    books = Books()
    books.store(raw(books.acknowledge(A, B)), event(A, 0), event(B, 1))
    account = books.judge()
    assert (account.webhooks, account.events, account.lost, account.duplicated) == (1, 2, 0, 0)
    assert not account.out_of_order


def test_a_webhook_that_is_not_there_loses_all_its_events() -> None:
    """Its maker says how many they were."""
    books = Books()
    books.acknowledge(A, B)
    account = books.judge()
    assert (account.lost, len(account.lost_webhooks), account.events) == (2, 1, 2)


def test_other_bytes_under_the_same_events_are_a_loss() -> None:
    """The raw record must have the same digest."""
    books = Books()
    books.acknowledge(A)
    books.store(raw(B + A), event(A, 0), event(B, 1))
    assert books.judge().lost == 1


def test_an_earlier_attempt_keeps_the_webhook() -> None:
    """Its answer was lost, and the acknowledged attempt was answered as its repeat."""
    books = Books()
    first = A + B
    books.acknowledge(B, A, earlier=first)
    books.store(raw(first), event(A, 0), event(B, 1))
    account = books.judge()
    assert (account.webhooks, account.events, account.lost) == (1, 2, 0)


def test_other_bytes_than_those_of_its_attempts_are_a_loss() -> None:
    """Of none of them the digest is there."""
    books = Books()
    books.acknowledge(A, B, earlier=B + A)
    books.store(raw(A), raw(B), event(A, 0), event(B, 1))
    assert books.judge().lost == 2


def test_a_later_attempt_keeps_nothing() -> None:
    """What was sent after the first success is no excuse: the webhook had to be there before."""
    books = Books()
    number = books.ledger.issue(1.0, 0, 0)
    books.ledger.acknowledge(number, sent(A), 2.0)
    books.ledger.acknowledge(number, sent(A + B), 3.0, [sent(A)])
    books.store(raw(A + B), event(A, 0), event(B, 1))
    assert (len(list(books.ledger.entries())), books.judge().lost) == (1, 1)


def test_the_latest_acknowledged_webhook_has_the_contents_of_its_attempts() -> None:
    """That a fresh one is in Kafka is seen by either."""
    books = Books()
    assert books.ledger.latest_since(0) == ()
    books.acknowledge(A)
    books.acknowledge(B, earlier=C)
    assert books.ledger.latest_since(1) == (sent(B).digest, sent(C).digest)
    books.store(raw(C))
    assert books.stored.expected(*books.ledger.latest_since(1)) == (C,)


def test_a_damaged_record_of_an_earlier_attempt_names_the_webhook() -> None:
    """It was the one that the spool held."""
    books = Books()
    books.acknowledge(A, earlier=B)
    account = books.judge(Named(webhooks=frozenset({B})))
    assert (account.lost, len(account.named)) == (0, 1)


def test_an_event_that_is_not_there_is_lost_though_its_webhook_is() -> None:
    """A raw record alone is not enough."""
    books = Books()
    books.store(raw(books.acknowledge(A, B)), event(A, 0))
    assert books.judge().lost_events == [B.hex()]


def test_what_was_not_acknowledged_may_be_there_or_not() -> None:
    """Nothing is owed for it."""
    books = Books()
    books.ledger.issue(1.0, 0, 0)
    books.store(raw(B), event(B, 0))
    assert not judge(books.ledger, books.stored, Named())


def test_copies_are_counted() -> None:
    """Every copy beyond the first is a duplicate."""
    books = Books()
    body = books.acknowledge(A)
    books.store(raw(body), raw(body), event(A, 0), event(A, 1), event(A, 2))
    assert books.judge().duplicated == 2
    assert books.stored.raw_repeats == 1


def test_a_later_one_before_an_earlier_one_is_out_of_order() -> None:
    """A was acknowledged before B began, so A stands first."""
    books = Books()
    first = books.acknowledge(A, began=1.0, acked=2.0)
    second = books.acknowledge(B, began=3.0, acked=4.0)
    books.store(raw(first), raw(second), event(B, 0), event(A, 1))
    assert books.judge().out_of_order == [A.hex()]


def test_those_that_were_on_their_way_together_have_no_order() -> None:
    """B began before A was acknowledged."""
    books = Books()
    first = books.acknowledge(A, began=1.0, acked=2.0)
    second = books.acknowledge(B, began=1.5, acked=4.0)
    books.store(raw(first), raw(second), event(B, 0), event(A, 1))
    assert not books.judge().out_of_order


def test_an_early_copy_of_the_first_keeps_the_order() -> None:
    """A second copy behind the later one does no harm."""
    books = Books()
    first = books.acknowledge(A, began=1.0, acked=2.0)
    second = books.acknowledge(B, began=3.0, acked=4.0)
    books.store(raw(first), raw(second), event(A, 0), event(B, 1), event(A, 2))
    assert not books.judge().out_of_order


def test_other_keys_and_other_workers_have_no_order() -> None:
    """The promise is of one key within one worker."""
    books = Books()
    first = books.acknowledge(A, began=1.0, acked=2.0, worker=0)
    second = books.acknowledge(B, began=3.0, acked=4.0, worker=1)
    books.store(raw(first), raw(second), event(B, 0), event(A, 1))
    assert not books.judge().out_of_order
    books = Books()
    first = books.acknowledge(A, began=1.0, acked=2.0)
    second = books.acknowledge(B, began=3.0, acked=4.0)
    books.store(raw(first), raw(second), event(B, 0, b"one"), event(A, 1, b"other"))
    assert not books.judge().out_of_order


def test_a_webhook_that_went_to_two_workers_belongs_to_none() -> None:
    """Its first copy may come by either."""
    books = Books()
    number = books.ledger.issue(1.0, 0, 0)
    books.ledger.attempt(number, 1)
    books.ledger.acknowledge(number, Sent(b"d", A), 2.0)
    (entry,) = books.ledger.entries()
    assert entry.worker == MIXED


def test_what_went_with_a_deleted_topic_is_named_and_what_came_later_is_not() -> None:
    """The name costs the event its place among those that are kept."""
    books = Books(CLICKS)
    first = books.acknowledge(A, acked=2.0)
    second = books.acknowledge(B, began=4.0, acked=5.0)
    spooled = books.acknowledge(C, acked=2.5)
    books.store(raw(first), raw(second), raw(spooled), event(A, 0, topic=CLICKS))
    books.stored.topic_made_again(TOPICS[CLICKS])
    books.store(event(C, 0, topic=CLICKS))
    account = books.judge(Named(topics={TOPICS[CLICKS]: 3.0}))
    assert account.named == [A.hex()]
    assert account.lost_events == [B.hex()]


def test_what_comes_after_a_topic_was_made_again_stands_behind() -> None:
    """Its offsets begin at 0 once more."""
    books = Books()
    books.store(event(A, 7))
    books.stored.topic_made_again(TOPICS[DELIVERY])
    books.store(event(B, 0))
    before, after = books.stored.find(A), books.stored.find(B)
    assert before is not None
    assert after is not None
    assert before.place < after.place


def test_a_damaged_webhook_is_lost_by_name() -> None:
    """The receiver said so."""
    books = Books()
    books.acknowledge(A, B)
    account = books.judge(Named(webhooks=frozenset({A})))
    assert (account.lost, len(account.named)) == (0, 2)


def test_a_report_names_by_id_and_by_place() -> None:
    """Where the damage covers the id, the place is what the receiver can tell."""
    line = (
        '{"event":"spool_set_aside","worker":"w-1","segment":3,"offset":100,"bytes":50,'
        f'"webhook_id":null,"reason":"x"}}\n{{"event":"spool_set_aside","worker":"w-1","segment":3,"offset":200,'
        f'"bytes":9,"webhook_id":"{B.hex()}","reason":"x"}}\nother\n'
    )
    reports = reported(line)
    assert reports[0] == Reported("w-1", 3, 100, 50, b"")
    assert named([Broken("w-1", 3, 100, A)], reports) == {A, B}
    assert named([Broken("w-1", 4, 100, A)], reports) == {B}


@given(st.lists(st.floats(0, 29), min_size=1), st.sampled_from([0.5, 0.99, 0.999]))
def test_a_quantile_is_exact_to_a_millisecond(seconds: list[float], share: float) -> None:
    """Rounded up, never down, and never beyond the slowest."""
    latencies = Latencies()
    for one in seconds:
        latencies.add(one)
    rank = next(n for n in count(1) if n >= len(seconds) * share)
    exact = sorted(seconds)[rank - 1]
    assert exact - 1e-9 <= latencies.quantile(share) <= exact + 0.001001
