"""One topology at work: a cluster, the receiver, the traffic, and the steps that every scenario goes through."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from aiokafka.admin import AIOKafkaAdminClient

from deploy.faults.acls import AUTHORIZER
from deploy.faults.damage import Broken, named
from deploy.faults.judge import Account, Named, judge
from deploy.faults.ledger import Ledger
from deploy.faults.proxy import HOST, Proxy
from deploy.faults.reading import Reader
from deploy.faults.receiver import HOOKLINE, Receiver, Setup, Usage
from deploy.faults.sender import Sending, Target, broker_away
from deploy.faults.stored import Stored, normalizing
from deploy.faults.traffic import new_senders, traffic
from deploy.kafka.cluster import KafkaCluster, free_ports
from deploy.kafka.layout import Node
from hookline.configuration.config import load_config

FRESH_WITHIN = 20.0
EMPTY_WITHIN = 60.0


@dataclass(slots=True)
class Recovery:
    """How it went on after a fault; seconds from the end of the fault, None where it never came."""

    fresh: float | None = None
    empty: float | None = None
    fresh_in_kafka: bool = False
    trouble: list[str] = field(default_factory=list[str])
    usage: Usage = field(default_factory=Usage)


class Bench:
    """Everything that a scenario may use. Open it with `opened`."""

    def __init__(self, folder: Path, nodes: int, rate: float, seed: int) -> None:
        self.folder, self.nodes, self.rate = folder, nodes, rate
        self.random = Random(seed)  # noqa: S311 - chance of a test
        self.senders = new_senders()
        self.ledger = Ledger()
        self.deleted: dict[str, float] = {}
        self.notes: list[str] = []
        self.faults: list[str] = []
        self.broken: list[Broken] = []
        self._workers = 0
        ports = free_ports(2 * nodes + 4)
        self._behind, front = ports[:nodes], ports[nodes : 2 * nodes]
        self.proxies = [Proxy(port, behind) for port, behind in zip(front, self._behind, strict=True)]
        self._front = front
        self.cluster = KafkaCluster(folder / "kafka", nodes, extra=self._properties)
        self.sending = Sending(self.ledger, traffic(self.senders, self.random), rate)
        self._own_ports = ports[2 * nodes :]
        self._sampler: asyncio.Task[None] | None = None

    def _properties(self, node: Node) -> Mapping[str, str]:
        place = node.number - 1
        return {
            **AUTHORIZER,
            "listeners": f"PLAINTEXT://{HOST}:{node.port},CLIENT://{HOST}:{self._behind[place]},"
            f"CONTROLLER://{HOST}:{node.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port},CLIENT://{HOST}:{self._front[place]}",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CLIENT:PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        }

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncGenerator["Bench"]:
        """Start everything, and end all of it whatever happens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self.cluster.stop, 2)
            await asyncio.to_thread(self.cluster.start)
            for proxy in self.proxies:
                await proxy.start()
                stack.push_async_callback(proxy.stop)
            await self._start_receiver(stack)
            self.stored = Stored(normalizing(load_config(self.receiver.config, {}).accounts))
            self.reader = Reader(self.cluster.bootstrap, self.stored)
            await self.sending.start()
            stack.push_async_callback(self.sending.stop)
            self._sampler = asyncio.create_task(self._sample(), name="sampler")
            stack.callback(self._sampler.cancel)
            yield self

    async def _start_receiver(self, stack: contextlib.AsyncExitStack) -> None:
        listen, admin, *_ = self._own_ports
        setup = Setup(
            servers=self.cluster.bootstrap,
            nodes=self.nodes,
            listen=listen,
            admin=admin,
            spool=self.folder / "spool",
        )
        self.receiver = Receiver(self.folder / "hookline.toml", setup, tuple(self.senders.values()))
        self.second = Receiver(
            self.folder / "second.toml",
            Setup(
                servers=self.cluster.bootstrap,
                nodes=self.nodes,
                listen=self._own_ports[2],
                admin=self._own_ports[3],
                spool=setup.spool,
            ),
            self.receiver.senders,
        )
        for one in (self.receiver, self.second):
            stack.push_async_callback(one.kill)
        await self.receiver.start()
        await self.apply_topics()
        await self.wait_until_ready()
        self.target = Target(listen)
        self.sending.targets = (self.target,)

    @property
    def through_proxies(self) -> str:
        """The servers as a client names them that goes through the proxies."""
        return ",".join(f"{HOST}:{port}" for port in self._front)

    async def go_through_proxies(self) -> None:
        """Let the receiver reach its brokers through the proxies from now on; it does so at most once."""
        if self.receiver.setup.servers == self.through_proxies:
            return
        await self.receiver.restart(servers=self.through_proxies)
        self.target.forget_connections()
        await self.wait_until_ready()

    @contextlib.contextmanager
    def kafka_hung(self) -> Generator[None]:
        """Let so many brokers stand still that nothing can be stored; they go on at the end."""
        numbers = (1,) if self.nodes == 1 else (1, 2)
        for number in numbers:
            self.cluster.pause(number)
        try:
            with broker_away(self.sending):
                yield
        finally:
            for number in numbers:
                self.cluster.resume(number)

    def new_worker(self) -> int:
        """Return a number for a further worker in the ledger."""
        self._workers += 1
        return self._workers

    async def apply_topics(self, tries: int = 3) -> None:
        """Run `hookline topics apply`; a cluster that has just come up may be too busy once. Raises RuntimeError."""
        command = [HOOKLINE, "topics", "apply", "--config", str(self.receiver.config)]
        for left in reversed(range(tries)):
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, check=False, timeout=90
            )
            if not done.returncode:
                return
            if not left:
                raise RuntimeError(f"hookline topics apply: {done.stderr or done.stdout}")

    async def wait_until_ready(self, patience: float = 30.0) -> None:
        """Return when the receiver says that it is ready. Raises RuntimeError."""
        end = time.monotonic() + patience
        while not await self.receiver.ready():
            if time.monotonic() > end or not self.receiver.running:
                raise RuntimeError(f"the receiver is not ready: see {self.receiver.log}")
            await asyncio.sleep(0.1)

    @contextlib.asynccontextmanager
    async def admin(self) -> AsyncGenerator[AIOKafkaAdminClient]:
        """Give a client that administers the cluster, past the proxies."""
        client = AIOKafkaAdminClient(bootstrap_servers=self.cluster.bootstrap, request_timeout_ms=10_000)
        await client.start()
        try:
            yield client
        finally:
            await client.close()

    async def leader(self, topic: str, partition: int = 0) -> int:
        """Return the number of the node that leads a partition."""
        async with self.admin() as admin:
            (found,) = await admin.describe_topics([topic])
        return next(int(part["leader"]) for part in found["partitions"] if part["partition"] == partition)

    # --- what the runner does around each scenario

    async def recovered(self) -> Recovery:
        """Wait until a fresh webhook is acknowledged and the spool is empty, then read Kafka up to its end."""
        recovery, mark, began = Recovery(), len(self.ledger), time.monotonic()
        while time.monotonic() - began < EMPTY_WITHIN and recovery.empty is None:
            self.sending.check()
            passed = time.monotonic() - began
            if recovery.fresh is None and self.ledger.acknowledged_since(mark):
                recovery.fresh = passed
            if recovery.fresh is not None and await self.receiver.spool_records() == 0:
                recovery.empty = passed
            await asyncio.sleep(0.1)
        fresh = self.ledger.latest_since(mark)
        await self.reader.catch_up()
        recovery.fresh_in_kafka = self.stored.expected(*fresh) is not None
        recovery.trouble += _troubles(recovery)
        recovery.usage, self.receiver.usage = self.receiver.usage, Usage()
        return recovery

    async def recovered_last(self) -> list[str]:
        """Wait until the spool is empty with no traffic left, and read Kafka up to its end; return what is wrong."""
        end = time.monotonic() + EMPTY_WITHIN
        while await self.receiver.spool_records() != 0:
            if time.monotonic() > end:
                return ["the spool was not empty at the end"]
            await asyncio.sleep(0.1)
        await self.reader.catch_up()
        return []

    def accounts(self) -> Mapping[int, Account]:
        """Close the ledger over what was read so far."""
        reports = [*self.receiver.damage_reported(), *self.second.damage_reported()]
        damaged = named(self.broken, reports)
        return judge(self.ledger, self.stored, Named(topics=self.deleted, webhooks=damaged))

    async def _sample(self) -> None:
        while True:
            for one in (self.receiver, self.second):
                await one.sample()
            await asyncio.sleep(1.0)


def _troubles(recovery: Recovery) -> list[str]:
    found: list[str] = []
    if recovery.fresh is None or recovery.fresh > FRESH_WITHIN:
        found.append(f"no fresh webhook was acknowledged within {FRESH_WITHIN:.0f} s")
    if recovery.empty is None:
        found.append(f"the spool was not empty within {EMPTY_WITHIN:.0f} s")
    if not recovery.fresh_in_kafka:
        found.append("the fresh webhook is not in Kafka")
    return found
