"""What a story comes to in our words, for comparing the providers."""

from schemas.events import ConsentChanged, DeliveryUpdated, Event, InboundMessage
from tests.support.provider_cases import ProviderCase

Told = tuple[str, str | None]


def told_by(case: ProviderCase) -> list[Told]:
    """Return type and word of every event of a provider's story, in order."""
    return [told(event) for sample in case.story.samples for event in case.events(sample)]


def told(event: Event) -> Told:
    """Return an event's type and its status or consent; a reply and a message that answers none are alike."""
    if isinstance(event, DeliveryUpdated):
        return event.TYPE, event.status
    if isinstance(event, ConsentChanged):
        return event.TYPE, event.consent
    return ("inbound" if isinstance(event, InboundMessage) else event.TYPE), None
