"""What may be committed: the done records with all before them."""

from hypothesis import given
from hypothesis import strategies as st

from consumers.loop.progress import Progress


@given(
    st.lists(st.integers(0, 10_000), unique=True, min_size=1, max_size=40).map(sorted),
    st.randoms(use_true_random=False),
)
def test_the_position_is_the_done_prefix_in_every_order_of_completion(offsets: list[int], random: object) -> None:
    """Whatever the order, the position never passes a record that is not done, and never lags behind one."""
    progress = Progress()
    assert all(progress.take(offset) for offset in offsets)
    order = list(offsets)
    random.shuffle(order)  # type: ignore[attr-defined] # hypothesis gives a Random of its own class
    done = set[int]()
    for offset in order:
        progress.done(offset)
        done.add(offset)
        undone = [other for other in offsets if other not in done]
        before = [other for other in offsets if not undone or other < undone[0]]
        assert progress.position == (before[-1] + 1 if before else offsets[0])
        assert progress.held == len(offsets) - len(before)


def test_a_record_that_was_taken_is_not_taken_again() -> None:
    """A log that gives a record twice does not make it run twice at once."""
    progress = Progress()
    assert [progress.take(offset) for offset in (3, 4, 4, 3, 5)] == [True, True, False, False, True]


def test_nothing_is_uncommitted_before_something_is_done() -> None:
    """Taking a record commits nothing."""
    progress = Progress()
    progress.take(7)
    assert progress.uncommitted is None


def test_what_was_committed_is_not_committed_again() -> None:
    """A commit is asked for once."""
    progress = Progress()
    progress.take(7)
    progress.done(7)
    assert progress.uncommitted == 8
    progress.committed(8)
    assert progress.uncommitted is None
