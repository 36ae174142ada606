"""What counts as a repeat: the next attempt does, and nothing that a reader could tell apart."""

import itertools
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingest.duplicates import content_of
from providers.registry import cloud
from schemas.events import Event
from schemas.webhook import Webhook
from tests.support.conformance.base import OfProvider
from tests.support.conformance.proof import delivered, endpoint
from tests.support.conformance.reading import inherited
from tests.support.provider_cases import NOW, Sample, Way, request_of
from tests.support.receiver import receiver
from tests.support.simulated import SEED, told
from tests.support.simulated import request_of as request_by
from tests.support.simulated import webhook_of as webhook_by

STORIES = 40
PIECES = (b'"', b"{", b"}", b",", b":", b"0", b"1", b" ", b"\\", b"[]", b"{}", b'"id":', b'"a":1,', b"1e5", b"null")


class Repeats(OfProvider):
    """What the receiver takes for a repeat of this provider's webhooks."""

    def content(self, webhook: Webhook) -> bytes:
        """Return what tells repeats from others."""
        return content_of(self.case.provider, webhook, webhook.id)

    def essence(self, webhook: Webhook) -> list[Event]:
        """Return the events of a webhook without what two attempts may differ in."""
        found = self.case.provider.normalize(webhook, self.case.account().settings)
        return [replace(event, attempt=None, provider_data=None) for event in found]

    async def test_the_next_attempt_is_a_repeat(self, way: Way) -> None:
        """It is answered with success, proved anew, and not stored again."""
        first = self.case.story.delivered
        attempts = (first, replace(first, body=self.case.retried(first.body)))
        async with receiver(endpoints=[endpoint(self.case, way)], clock=lambda: NOW) as bench:
            answers = [
                await delivered(bench, one, way.prove(request_of(one), NOW + at)) for at, one in enumerate(attempts)
            ]
            assert {answer.status for answer in answers} == {self.case.provider.policy.success_status}
            assert [webhook.body for webhook in bench.memory.webhooks] == [first.body]

    async def test_a_new_state_is_no_repeat(self, way: Way) -> None:
        """Everything that the story tells of one message is stored, by any attempt."""
        story = self.case.story.samples
        later = [replace(one, body=self.case.retried(one.body)) for one in story[1:]]
        async with receiver(endpoints=[endpoint(self.case, way)], clock=lambda: NOW) as bench:
            for one in (story[0], *later):
                await delivered(bench, one, way.prove(request_of(one), NOW))
            assert [webhook.body for webhook in bench.memory.webhooks] == [one.body for one in (story[0], *later)]

    def test_what_is_one_content_is_one_event(self) -> None:
        """Among all fixtures, the story, and two attempts of all that the simulated cloud tells."""
        made = cloud(self.case.provider.name, SEED)
        name = self.case.provider.name
        simulated = [
            webhook_by(name, request_by(made, one, attempt=attempt))
            for one in told(made, STORIES)
            for attempt in (1, 2)
        ]
        samples = [self.case.webhook(one) for one in self.case.samples if one.polled is None]
        self.assert_alike([*samples, *simulated])

    @given(data=st.data())
    @inherited
    def test_whatever_is_changed_is_one_event_or_another_content(self, data: st.DataObject) -> None:
        """Pieces put into a body, bytes taken out of it, in two ways, and each in two attempts."""
        sample = data.draw(st.sampled_from([one for one in self.case.samples if one.polled is None and one.body]))
        changed = [_changed(data, sample), _changed(data, sample)]
        bodies = [sample.body, *changed, *map(self.case.retried, (sample.body, *changed))]
        self.assert_alike(self.case.webhook(replace(sample, body=body)) for body in bodies)

    def assert_alike(self, webhooks: Iterable[Webhook]) -> None:
        """Check that those of one content have the same events, and that a normalizer sees to the rest."""
        by_content = sorted(((self.content(one), one) for one in webhooks), key=lambda pair: pair[0])
        for _, group in itertools.groupby(by_content, key=lambda pair: pair[0]):
            first, *others = (webhook for _, webhook in group)
            for other in others:
                assert self.essence(replace(other, received_at=first.received_at)) == self.essence(first)


def _changed(data: st.DataObject, sample: Sample) -> bytes:
    at = data.draw(st.integers(0, len(sample.body)))
    gone = data.draw(st.integers(0, 3))
    return sample.body[:at] + data.draw(st.sampled_from((b"", *PIECES))) + sample.body[at + gone :]
