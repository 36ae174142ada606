"""Which nodes a cluster has, and how each is configured. Nothing here starts anything."""

import base64
import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Node:
    """One broker that is also a controller. `directory_id` names its storage in the quorum."""

    number: int
    port: int
    controller_port: int
    directory_id: str

    @property
    def controller(self) -> str:
        """Its place in `--initial-controllers`."""
        return f"{self.number}@{HOST}:{self.controller_port}:{self.directory_id}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What is decided once for a folder and kept in `cluster.json`, since the quorum remembers it too."""

    cluster_id: str
    nodes: tuple[Node, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text())
        return cls(stored["cluster_id"], tuple(Node(**node) for node in stored["nodes"]))

    def save(self, path: Path) -> None:
        """Write it down for the next start."""
        path.write_text(json.dumps(asdict(self), indent=1))


def properties(layout: Layout, node: Node, data: Path) -> str:
    """Return the node's `server.properties`: loopback, small internal topics, as durable as the node count allows."""
    copies = min(3, len(layout.nodes))
    in_sync = 2 if copies == 3 else 1
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "log.dirs": data,
        "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.bootstrap.servers": ",".join(f"{HOST}:{n.controller_port}" for n in layout.nodes),
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 2,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 2,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        # A node that was killed may come back under its number after this long.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def short_id() -> str:
    """Return a random id as Kafka writes them: 22 characters, and no dash in front that a tool takes for an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
