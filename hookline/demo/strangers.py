"""Genuine webhooks of one account at the URL of another account at the same provider: no key but its own may count."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from random import Random

from hookline.simulator.deliveries import Deliveries
from hookline.simulator.engine import Engine
from hookline.simulator.pacing import Pacer
from hookline.simulator.run import webhooks
from providers.contract import Request
from providers.simulation import Cloud, Forgery, Outgoing, RetryPlan

_ONE_IN = 20
"""One webhook of a stranger comes for so many of the account's own."""


class _Genuine:
    """Proves as its cloud does, also what the account that it comes to must take for a forgery."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.retry: RetryPlan = cloud.retry

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers of a genuine delivery."""
        del forgery
        return self._cloud.headers(request, now)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A cloud that delivers to an account that is not its own."""

    cloud: Cloud
    engine: Engine

    @classmethod
    async def at(cls, url: str, cloud: Cloud, deliveries: Deliveries, stack: AsyncExitStack) -> "Stranger":
        """Begin to deliver to `url`; `deliveries` are those of the account there, which must never acknowledge."""
        engine = Engine(_Genuine(cloud), url, deliveries=deliveries)
        await engine.start()
        stack.push_async_callback(engine.stop)
        return cls(cloud, engine)

    async def send(self, rate: float, after: float) -> None:
        """Send for ever beside an account's own `rate` webhooks a second, the first in `after` seconds."""
        await asyncio.sleep(after)
        pacer = Pacer(rate / _ONE_IN)
        for outgoing in self._traffic():
            await pacer.turn()
            await self.engine.submit(outgoing)

    def _traffic(self) -> Iterator[Outgoing]:
        for outgoing in webhooks(self.cloud, Random(), forgeries=False):  # noqa: S311 - traffic is no secret
            yield replace(outgoing, forgery=Forgery.OTHER_KEY, after=0.0, copies=1, expects_reply=False)
