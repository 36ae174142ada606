"""What `/readyz` says where both the receiver and the topics have something to say."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from hookline.process.application import _with_topics
from hookline.process.topic_watch import TopicWatch
from ingest.readiness import Readiness, ReadinessReason

REMARK = "min_insync_replicas is 1"
WELL = Readiness(ready=True, degraded=False, reason=ReadinessReason.READY)


def said(found: Readiness, trouble: str, *, missing: bool = False, spools: bool = True) -> dict[str, Any]:
    """Return what the page says with that trouble of the topics."""
    topics = cast("TopicWatch", SimpleNamespace(trouble=trouble, prevent_storing=missing))
    answer = _with_topics(found, topics, spools=spools)
    assert answer.ok is answer.fields["ready"]
    return dict(answer.fields)


@pytest.mark.parametrize(
    "reason",
    [
        ReadinessReason.LOG_AWAY,
        ReadinessReason.LOG_SUSPECT,
        ReadinessReason.SPOOL_OLD,
        ReadinessReason.OWN_CLOCK_SUSPECTED,
    ],
)
def test_a_standing_remark_does_not_hide_what_the_receiver_says(reason: ReadinessReason) -> None:
    """Who watches for the word finds it, and it alone."""
    found = said(Readiness(ready=True, degraded=True, reason=reason), REMARK)
    assert found == {"ready": True, "degraded": True, "reason": reason}


def test_a_standing_remark_is_told_where_nothing_else_is_wrong() -> None:
    """Ready, and degraded by it."""
    assert said(WELL, REMARK) == {"ready": True, "degraded": True, "reason": REMARK}


def test_a_missing_topic_stands_behind_what_the_receiver_says() -> None:
    """An operator needs both: what is old, and why."""
    found = said(Readiness(ready=True, degraded=True, reason=ReadinessReason.SPOOL_OLD), "topics missing", missing=True)
    assert found == {"ready": True, "degraded": True, "reason": "spool_old; topics missing"}


@pytest.mark.parametrize("spools", [True, False])
def test_a_missing_topic_alone_is_told_alone(*, spools: bool) -> None:
    """Ready as long as the spool can store."""
    found = said(WELL, "topics missing", missing=True, spools=spools)
    assert found == {"ready": spools, "degraded": True, "reason": "topics missing"}


def test_a_receiver_that_ends_says_so_whatever_the_topics_are() -> None:
    """It is not ready, and nobody has to come for that."""
    ending = Readiness(ready=False, degraded=False, reason=ReadinessReason.DRAINING)
    assert said(ending, REMARK) == {"ready": False, "degraded": False, "reason": "draining"}
