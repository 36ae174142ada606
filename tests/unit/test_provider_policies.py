"""What every provider's policy table has to hold, whoever wrote it."""

import pytest

from ingest.body import FREE_BYTES
from ingest.publisher import GRACE
from providers.contract import Policy
from providers.registry import PROVIDERS
from schemas.topics import WEBHOOKS

POLICIES = pytest.mark.parametrize("policy", [each.policy for each in PROVIDERS.values()], ids=list(PROVIDERS))


@POLICIES
def test_the_answer_is_due_before_the_provider_gives_up(policy: Policy) -> None:
    """The broker has its wait and its grace, then the answer has its way back."""
    assert policy.broker_wait > 0
    assert policy.broker_wait + GRACE < policy.answer_by < policy.deadline


@POLICIES
def test_a_sender_gets_at_least_the_deadline_for_its_body(policy: Policy) -> None:
    """A limit below it would refuse who is still in time."""
    assert policy.deadline <= policy.body_wait < 60


@POLICIES
def test_a_body_has_a_limit_that_a_record_can_hold(policy: Policy) -> None:
    """Half of it: the headers need room too. And a usual webhook does not meet the limit."""
    assert FREE_BYTES <= policy.body_limit <= WEBHOOKS.max_message_bytes // 2


@POLICIES
def test_the_answers_say_what_they_mean(policy: Policy) -> None:
    """Success is a 2xx; the retry status is one that asks to come again, with a time to wait."""
    assert 200 <= policy.success_status < 300
    assert policy.retry_status == 429 or 500 <= policy.retry_status < 600
    assert 0 < policy.retry_after <= 3600


@POLICIES
def test_webhooks_come_by_methods_that_carry_them(policy: Policy) -> None:
    """At least one, in capitals."""
    assert policy.methods
    assert policy.methods <= {"GET", "POST", "PUT"}


@POLICIES
def test_names_of_secrets_are_plain(policy: Policy) -> None:
    """Neither blanks nor line breaks: such a name would never be met and its value be stored."""
    names = policy.secret_headers | policy.secret_parameters
    assert [name for name in names if not name or name != name.strip() or not name.isprintable()] == []
