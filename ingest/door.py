"""What stands before the receiver: whose address a request has, whether it is listened to, what the verdicts say."""

from time import monotonic

from aiohttp.web import BaseRequest

from ingest.capture import read_headers
from ingest.clock_watch import ClockWatch
from ingest.forwarded import address_of, trusted
from ingest.metrics import IngestMetrics
from ingest.refusal_limit import RefusalLimit
from ingest.settings import ServerSettings
from providers.contract import Request, Verification, Verifier
from schemas.times import Clock


class Door:
    """Asked before a body is read, told of each verdict and each answer."""

    def __init__(self, settings: ServerSettings, clock: Clock, metrics: IngestMetrics) -> None:
        self._proxies = trusted(settings.trusted_proxies)
        self._limit = RefusalLimit(settings.refused_per_minute, now=monotonic)
        self.clock_watch = ClockWatch(clock, now=monotonic)
        metrics.watch_clock(lambda: self.clock_watch.skew)

    def client(self, request: BaseRequest) -> str | None:
        """Return the client's address, which a trusted proxy may have told."""
        if not self._proxies.networks:
            return request.remote
        return self._proxies.client(request.remote, read_headers(request.raw_headers))

    def wait(self, client: str | None) -> int | None:
        """Return in how many seconds a client may come again that was refused too often, None where it may come."""
        return self._limit.wait(client)

    def judged(self, verifier: Verifier, seen: Request, at: float, proof: Verification) -> None:
        """Take in the verdict on a request that was given at `at` Unix seconds."""
        self.clock_watch.judged(verifier, seen, at, proof)

    def stored(self, client: str | None) -> None:
        """Note that a proved webhook that was new came from a client. A repeat proves nothing: a listener has one."""
        self._limit.proved(client)

    def answered(self, client: str | None, status: int) -> None:
        """Count a refusal. A proxy itself has no limit: where it tells no client, its address is everybody's.

        Of what is no HTTP, no header can be believed: there the client is the peer.
        """
        address = address_of(client)
        if 400 <= status < 500 and address is not None and not self._proxies.has(address):
            self._limit.refused(client)
