"""From a verified webhook to events, whatever a provider's normalizer does: what is verified is kept (P11)."""

from collections.abc import Sequence

import structlog

from ingest.metrics import Fault, IngestMetrics
from ingest.publisher import unrecognized
from providers.contract import Account, Provider
from schemas.events import Event
from schemas.webhook import Webhook

_log = structlog.get_logger(__name__)


def events_of(
    provider: Provider, account: Account, webhook: Webhook, webhook_id: str, metrics: IngestMetrics
) -> Sequence[Event]:
    """Return the events of a webhook; one `unrecognized` where the normalizer breaks its contract. Never raises."""
    try:
        events = provider.normalize(webhook, account.settings)
    except Exception as error:  # noqa: BLE001 - a normalizer's bug costs the events, not the webhook
        metrics.fault(account.name, Fault.NORMALIZE)
        _log.error("normalizer_failed", account=account.name, webhook_id=webhook_id, error=type(error).__name__)
        events = ()
    return events or (unrecognized(webhook, webhook_id, "normalizer_failed"),)
