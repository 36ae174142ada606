"""The consumers of one process, with what they share: the ledger and the connections to providers."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from broker.log import Log
from consumers.auto_reply import Accounts, auto_reply
from consumers.confirm import confirm
from consumers.consumer import Consumer
from consumers.ledger import Ledger
from consumers.loop import ConsumeLoop
from consumers.metrics import ConsumerMetrics
from consumers.send import send
from hookline.configuration.config import Config
from hookline.process.roles import Role
from hookline.process.startup import confirmers_of, senders_of
from hookline.process.with_ledger import WithLedger
from hookline.process.workers import Loop, Worker
from hookline.replies import mute_accounts
from providers.contract import Account, Sender
from providers.registry import provider
from providers.roles import Confirmer
from schemas.times import Clock
from schemas.urls import sqlite_path

logger: Any = structlog.get_logger()


class Crew:
    """Makes, starts and ends the consumers of the roles."""

    def __init__(
        self, config: Config, roles: frozenset[Role], log: Log, metrics: ConsumerMetrics, clock: Clock
    ) -> None:
        self._config = config
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._senders: Mapping[str, Sender] = {}
        self._confirmers: Mapping[str, Confirmer] = {}
        self._ledger: Ledger | None = None
        self.workers = tuple(Worker(role.value, self._loop(role)) for role in sorted(roles))

    def start(self) -> None:
        """Begin to consume. A ledger that cannot be opened keeps send waiting, and nobody else."""
        for worker in self.workers:
            worker.start()

    async def drain(self, patience: float) -> None:
        """Let every consumer finish what is in hand, all at the same time."""
        await asyncio.gather(*(worker.stop(patience) for worker in self.workers))

    async def close(self) -> None:
        """Cancel what still runs, close the ledger and the connections."""
        await self.drain(0)
        if self._ledger is not None:
            await self._ledger.close()
        for sender in self._senders.values():
            await sender.close()
        for confirmer in self._confirmers.values():
            await confirmer.close()

    def _loop(self, role: Role) -> Loop:
        consumer = self._consumer(role)
        loop = ConsumeLoop(self._log, consumer, self._config.consumers, self._metrics, self._clock)
        if role is not Role.SEND or self._ledger is None:
            return loop
        return WithLedger(loop, self._ledger, sqlite_path(self._config.consumers.state))

    def _consumer(self, role: Role) -> Consumer:
        match role:
            case Role.SEND:
                return self._sending()
            case Role.CONFIRM:
                return self._confirming()
            case _:
                return self._replying()

    def _confirming(self) -> Consumer:
        self._confirmers, unable = confirmers_of(self._config)
        for item in unable:
            logger.warning("account_cannot_confirm", account=item.account, reason=item.reason)
        return confirm(self._config.consumers.confirm, self._confirmers, self._metrics)

    def _replying(self) -> Consumer:
        accounts = self._config.accounts.values()
        special = Accounts(
            choosing_number=frozenset(each.name for each in accounts if provider(each.provider).chooses_number),
            polled=frozenset(each.name for each in accounts if _polls_messages(each)),
        )
        return auto_reply(self._config.consumers.auto_reply, self._log, self._metrics, self._clock, special)

    def _sending(self) -> Consumer:
        self._senders, unable = senders_of(self._config)
        mute = {item.account: item for item in mute_accounts(self._config)}
        for account, found in mute.items():
            fields = {"replies": found.replies, "reason": found.reason, "advice": found.advice}
            logger.error("replies_cannot_be_sent", account=account, **fields)
        for item in unable:
            if item.account not in mute:
                logger.warning("account_cannot_send", account=item.account, reason=item.reason)
        self._ledger = Ledger(self._config.consumers.state)
        return send(self._config.consumers.send, self._log, self._senders, self._ledger, self._metrics, self._clock)


def _polls_messages(account: Account) -> bool:
    wanted: Sequence[str] = account.settings.get("polls") or ()
    return not provider(account.provider).message_polls.isdisjoint(wanted)
