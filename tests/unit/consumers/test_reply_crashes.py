"""A crash at every await from an inbound message to its committed result: never two answers, never none unexplained."""

import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from consumers.send.settings import SendSettings
from providers import messagemedia, syniverse, telnyx
from providers.messagemedia.simulation.bodies import OURS as MESSAGEMEDIA_NUMBER
from providers.messagemedia.simulation.cloud import MessageMediaCloud
from providers.syniverse.simulation.bodies import OURS as SYNIVERSE_NUMBER
from providers.syniverse.simulation.bodies import SENDER
from providers.syniverse.simulation.cloud import SyniverseCloud
from providers.telnyx.simulation.cloud import TelnyxCloud
from providers.telnyx.simulation.telling import OURS as TELNYX_NUMBER
from tests.support.crashing import Point
from tests.support.reply_world import Kind, World, copied, prepared
from tests.support.simulated import SEED

SKIP, RESEND = SendSettings(in_doubt="skip"), SendSettings(in_doubt="resend")
KINDS = {
    "telnyx": Kind("telnyx", lambda: TelnyxCloud(SEED), telnyx.PROVIDER.sender, {"to": TELNYX_NUMBER}),
    "messagemedia": Kind(
        "messagemedia", lambda: MessageMediaCloud(SEED), messagemedia.PROVIDER.sender, {"to": MESSAGEMEDIA_NUMBER}
    ),
    "syniverse": Kind(
        "syniverse",
        lambda: SyniverseCloud(SEED),
        syniverse.PROVIDER.sender,
        {"to": SYNIVERSE_NUMBER, "sender_id": SENDER},
    ),
}
Seen = tuple[int, str, str | None]
"""How many texts went out, and what the result says: outcome and reason."""

PLAIN: Seen = (1, "sent", None)


@dataclass(frozen=True)
class Case:
    """A kind of provider under a policy, and all that a crash may come to there."""

    kind: str
    settings: SendSettings
    allowed: frozenset[Seen]


CASES = {
    # The same bytes under the same key, whatever the policy says.
    "telnyx": Case("telnyx", RESEND, frozenset({PLAIN})),
    # What is there is found; what is not is for the policy.
    "syniverse, skip": Case(
        "syniverse", SKIP, frozenset({PLAIN, (1, "sent", "found_afterwards"), (0, "unknown", "not_found_skipped")})
    ),
    "syniverse, resend": Case(
        "syniverse", RESEND, frozenset({PLAIN, (1, "sent", "found_afterwards"), (1, "sent", "resent")})
    ),
    # Nobody can tell: one text or none, and it is said; or one text or two.
    "messagemedia, skip": Case(
        "messagemedia",
        SKIP,
        frozenset({PLAIN, (1, "unknown", "interrupted_skipped"), (0, "unknown", "interrupted_skipped")}),
    ),
    "messagemedia, resend": Case(
        "messagemedia", RESEND, frozenset({PLAIN, (1, "sent", "resent"), (2, "sent", "resent")})
    ),
}
FEWEST_IN_THE_CARRIER, FEWEST_ELSEWHERE = 6, 20
"""Awaits on the way; fewer would say that the harness does not count."""


def lived(template: Path, folder: Path, case: Case, cuts: Sequence[Point]) -> tuple[Sequence[Point], Seen]:
    """Live with these cuts, one a life, and a last life without; return the points of the first, and what it came to.

    A life may miss its point, where that is one of waiting.
    """
    world = World(copied(template, folder), KINDS[case.kind], case.settings)
    lives = [world.live(at) for at in (*cuts, None)]
    assert lives[-1][0]
    result, *repeats = world.results()
    # A result may stand on the log more than once, always as the same one.
    assert all(repeat == result for repeat in repeats)
    assert len(world.line.sent) == len(set(world.line.sent))
    shutil.rmtree(folder)
    return lives[0][1], (len(world.line.sent), result.outcome, result.reason)


def in_the_carrier(point: Point) -> bool:
    """Tell whether an await stands between the claim of a command and its result."""
    return any(name.startswith("Carrier.") for name, _ in point.place)


def cut_everywhere(folder: Path, case: Case, chosen: Callable[[Point], bool]) -> tuple[set[Point], set[Seen]]:
    """Cut at every await that is chosen, one a life, and return those with all that it came to.

    What one life passes that none did before is cut in its turn, so that in the end there is no other.
    """
    template = prepared(folder / "template", KINDS[case.kind])
    points, found = lived(template, folder / "whole", case, [])
    cut, left, seen = set[Point](), deque(points), {found}
    while left:
        at = left.popleft()
        if at in cut or not chosen(at):
            continue
        cut.add(at)
        points, found = lived(template, folder / "cut", case, [at])
        assert found in case.allowed, f"cut at {at}"
        seen.add(found)
        left.extend(points)
    return cut, seen


@pytest.mark.parametrize("name", CASES)
def test_a_crash_between_claim_and_result_gives_no_second_answer_and_none_unexplained(
    name: str, tmp_path: Path
) -> None:
    """Every await there, one after the other, and a new start after it; each of the ends comes up."""
    case = CASES[name]
    cut, seen = cut_everywhere(tmp_path, case, in_the_carrier)
    assert len(cut) >= FEWEST_IN_THE_CARRIER
    assert seen == case.allowed


@pytest.mark.parametrize("name", ["telnyx", "messagemedia, skip", "syniverse, skip"])
def test_a_crash_anywhere_else_gives_no_second_answer_and_none_unexplained(name: str, tmp_path: Path) -> None:
    """Every other await from the message to the commit of its result: joining, polls, the command, the commits."""
    cut, seen = cut_everywhere(tmp_path, CASES[name], lambda point: not in_the_carrier(point))
    assert len(cut) >= FEWEST_ELSEWHERE
    assert PLAIN in seen


@pytest.mark.parametrize("name", ["telnyx", "messagemedia, skip"])
def test_a_second_crash_while_the_first_is_cleared_up_changes_nothing(name: str, tmp_path: Path) -> None:
    """A few points of the first life, each with a few of the second."""
    case = CASES[name]
    template = prepared(tmp_path / "template", KINDS[case.kind])
    points, _ = lived(template, tmp_path / "whole", case, [])
    for first in points[3::9]:
        for second in points[5::9]:
            _, found = lived(template, tmp_path / "cut", case, [first, second])
            assert found in case.allowed, f"cuts at {first} and {second}"
