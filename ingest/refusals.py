"""Refusals: each is counted, and no more than a few a second are written, because strangers cause them at will."""

import asyncio
import secrets

import structlog

from ingest.metrics import IngestMetrics, Refusal
from providers.contract import Verdict

LINES_A_SECOND = 10
"""Lines for each reason. How many more there were in that second is one line behind them."""

_log = structlog.get_logger(__name__)


class Refusals:
    """Counts and writes them, for one receiver."""

    def __init__(self, metrics: IngestMetrics) -> None:
        self._metrics = metrics
        self._seen: dict[str, int] = {}

    def note(
        self, account: str, reason: Refusal | Verdict, status: int | None = None, error: str | None = None
    ) -> None:
        """Note one. `status` is that of the answer, where there is one; `error` the class of an exception."""
        self._metrics.refused(account, reason.value)
        seen = self._seen.get(reason.value, 0)
        if not seen:
            asyncio.get_running_loop().call_later(1.0, self._end_second, reason.value)
        self._seen[reason.value] = seen + 1
        if seen < LINES_A_SECOND:
            more = {"error": error} if error else {}
            _log.info(
                "webhook_refused",
                account=account,
                reason=reason.value,
                status=status,
                request_id=secrets.token_hex(8),
                **more,
            )

    def _end_second(self, reason: str) -> None:
        left_out = self._seen.pop(reason) - LINES_A_SECOND
        if left_out > 0:
            _log.info("refusals_left_out", reason=reason, count=left_out)
