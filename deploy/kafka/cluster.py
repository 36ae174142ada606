"""A real Apache Kafka on the loopback interface, without containers: `python deploy/kafka/cluster.py run`.

Needs Java 17 or newer, and Maven with a network once, to fetch the jars. Python's standard library alone, so
that it runs before anything is installed. `KafkaCluster` is the same for tests, which also kill and pause nodes.
"""

import argparse
import contextlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Self

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from deploy.kafka.jars import HERE, KafkaMissingError, archive, fetch, libraries, locked, require_java  # noqa: E402 - also run as a script
from deploy.kafka.layout import HOST, Layout, Node, properties, short_id  # noqa: E402 - also run as a script

__all__ = ["KafkaCluster", "KafkaMissingError"]

# One compiler, the quick one: nodes live for seconds to minutes here, and several share a machine with what uses them.
OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
USE = """
Apache Kafka is up: {url}

  in hookline.toml:   [broker]
                      url = "{url}"
{more}  make its topics:    hookline topics apply
  run the tests:      HOOKLINE_TEST_KAFKA={url} make test
  data and logs:      {directory}
"""
ONE_COPY = """\
                      [broker.kafka]
                      replication_factor = 1
                      min_insync_replicas = 1
"""
START_SECONDS = 60.0
STOP_SECONDS = 10.0


def brokers_seen(port: int) -> int:
    """Ask the broker at the port for the cluster's metadata and return how many brokers it names, 0 for no answer.

    Kafka protocol: Metadata, version 1, with an empty list of topics.
    """
    client = b"cluster.py"
    request = struct.pack(f">hhih{len(client)}si", 3, 1, 1, len(client), client, 0)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return 0
    if len(head) < 12:
        return 0
    _size, correlation, brokers = struct.unpack(">iii", head)
    # Our own number comes back from a Kafka; anything else that listens there answers other bytes.
    return int(brokers) if correlation == 1 else 0


def _listened_on(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=2).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on just now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]


# --- the cluster


class KafkaCluster:
    """One to three nodes in a folder. Not for use by two threads at once; every call blocks."""

    def __init__(
        self,
        directory: Path,
        nodes: int = 1,
        ports: Sequence[int] | None = None,
        say: Callable[[str], None] = lambda _: None,
        extra: Mapping[str, str] | Callable[[Node], Mapping[str, str]] | None = None,
    ) -> None:
        """Take the folder, the number of nodes, their ports (else free ones), and more server properties.

        `{controller}` in a property stands for the node's controller port. A function gives each node its own.
        """
        self._directory = directory.resolve()
        self._count = nodes
        self._ports = list(ports) if ports else None
        self._say = say
        self._extra = extra or {}
        # None: start from the archive of Kafka's classes where `prepare` has made it.
        self.java_options: Sequence[str] | None = None
        self._layout: Layout | None = None
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def layout(self) -> Layout:
        """The nodes and their ports; known once the cluster was started."""
        if self._layout is None:
            raise RuntimeError("the cluster was not started")
        return self._layout

    @property
    def bootstrap(self) -> str:
        """`host:port` of every node, joined by commas."""
        return ",".join(f"{HOST}:{node.port}" for node in self.layout.nodes)

    @property
    def url(self) -> str:
        """The `[broker]` url of Hookline's configuration."""
        return f"kafka://{self.bootstrap}"

    def pid(self, number: int = 1) -> int:
        """Return the process id of a running node."""
        return self._running[number].pid

    def dead(self) -> list[int]:
        """Return the numbers of the nodes that ended although nobody stopped them."""
        return [number for number, process in self._running.items() if process.poll() is not None]

    def start(self) -> None:
        """Fetch the jars, format what is new, start every node and wait until all of them answer.

        Raises KafkaMissingError, TimeoutError where a node does not come up.
        """
        version = require_java()
        fetch(libraries(), self._say)
        classes = archive(libraries(), version)
        if self.java_options is None and classes.exists():
            self.java_options = (f"-XX:SharedArchiveFile={classes}",)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._layout = self._settle()
        try:
            self._format()
            for node in self.layout.nodes:
                self._launch(node)
            for node in self.layout.nodes:
                self._await(node, len(self.layout.nodes))
        except BaseException:
            self.stop(0)
            raise

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """End every node: asked first, killed after `grace` seconds."""
        deadline = time.monotonic() + grace
        for process in self._running.values():
            _send(process, signal.SIGCONT)
            _send(process, signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def kill(self, number: int = 1) -> None:
        """End a node as a power cut would."""
        process = self._running.pop(number)
        process.kill()
        process.wait()

    def restart(self, number: int = 1) -> None:
        """Start a node again that was killed, and wait until it answers."""
        node = self.layout.nodes[number - 1]
        self._launch(node)
        self._await(node, 1)

    def pause(self, number: int = 1) -> None:
        """Stop a node in its tracks: its sockets stay open and nothing answers."""
        _send(self._running[number], signal.SIGSTOP)

    def resume(self, number: int = 1) -> None:
        """Let a paused node go on."""
        _send(self._running[number], signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _settle(self) -> Layout:
        path = self._directory / "cluster.json"
        if path.exists():
            known = Layout.load(path)
            if len(known.nodes) != self._count:
                raise KafkaMissingError(
                    f"{self._directory} holds a cluster of {len(known.nodes)} nodes: remove it, or use another --dir"
                )
            ports = self._ports or [node.port for node in known.nodes]
            nodes = [
                Node(n.number, p, n.controller_port, n.directory_id) for n, p in zip(known.nodes, ports, strict=True)
            ]
            layout = Layout(known.cluster_id, tuple(nodes))
        else:
            ports = self._ports or free_ports(self._count)
            pairs = zip(ports, self._controller_ports(), strict=True)
            nodes = [Node(number, p, c, short_id()) for number, (p, c) in enumerate(pairs, 1)]
            layout = Layout(short_id(), tuple(nodes))
        for node in layout.nodes:
            self._write(layout, node)
        layout.save(path)
        return layout

    def _controller_ports(self) -> list[int]:
        # Next to ports that were asked for stand ports that are the same at every start.
        wanted = [port + 10_000 for port in self._ports or ()]
        return wanted if wanted and max(wanted) < 65_536 else free_ports(self._count)

    def _home(self, node: Node) -> Path:
        return self._directory / f"node-{node.number}"

    def _write(self, layout: Layout, node: Node) -> None:
        home = self._home(node)
        home.mkdir(exist_ok=True)
        own = str(node.controller_port)
        extra = self._extra(node) if callable(self._extra) else self._extra
        lines = [f"{name}={value.replace('{controller}', own)}\n" for name, value in extra.items()]
        # Of two lines for one property Java takes the later one.
        (home / "server.properties").write_text(properties(layout, node, home / "data") + "".join(lines))

    def _format(self) -> None:
        """Make the storage of the nodes that have none, all at once. Formatting twice does no harm."""
        quorum = ",".join(node.controller for node in self.layout.nodes)
        started: list[tuple[Node, subprocess.Popen[bytes], IO[bytes]]] = []
        for node in self.layout.nodes:
            home = self._home(node)
            tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", self.layout.cluster_id]
            arguments = [*tool, "--initial-controllers", quorum, "-c", str(home / "server.properties")]
            log: IO[bytes] = (home / "format.log").open("wb")
            started.append((node, _java(arguments, log, self.java_options), log))
        for node, process, log in started:
            status = process.wait(START_SECONDS)
            log.close()
            if status:
                raise KafkaMissingError(f"node {node.number} could not be formatted: see {self._home(node)}/format.log")

    def _launch(self, node: Node) -> None:
        home = self._home(node)
        with (home / "server.log").open("ab") as log:
            self._running[node.number] = _java(["kafka.Kafka", str(home / "server.properties")], log, self.java_options)

    def _await(self, node: Node, brokers: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while brokers_seen(node.port) < brokers:
            ended = self._running[node.number].poll()
            if ended is not None or time.monotonic() > deadline:
                what = "does not answer" if ended is None else f"ended with status {ended}"
                raise TimeoutError(f"Kafka node {node.number} {what}: see {self._home(node)}/server.log")
            time.sleep(0.05)


def prepare(say: Callable[[str], None]) -> None:
    """Fetch the jars and have Java archive the classes of a node, once: from there a node starts in half the time.

    Raises KafkaMissingError, TimeoutError where the node that is to load them does not come up.
    """
    version = require_java()
    fetch(libraries(), say)
    classes = archive(libraries(), version)
    with locked(classes):
        if classes.exists():
            return
        say(f"archiving the classes of Apache Kafka for Java {version} (50 MB, once)")
        fresh = classes.with_suffix(".tmp")
        with tempfile.TemporaryDirectory() as folder:
            node = KafkaCluster(Path(folder))
            node.java_options = (f"-XX:ArchiveClassesAtExit={fresh}",)
            node.start()
            node.stop(START_SECONDS)
        # Without it nodes start all the same.
        if fresh.exists():
            fresh.rename(classes)


def _java(arguments: Sequence[str], log: IO[bytes], more: Sequence[str] | None) -> subprocess.Popen[bytes]:
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.yaml'}"
    command = ["java", *OPTIONS, *(more or ()), logging, "-cp", f"{libraries()}/*", *arguments]
    # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop it in order.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


# --- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a cluster until Ctrl-C, or only fetch its jars. Returns the exit status."""
    options = _options().parse_args(arguments)
    # A shell that starts us in the background has SIGINT ignored; who sends it means it all the same.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        return _run(options) if options.command == "run" else _fetch()
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
        return 0
    except (KafkaMissingError, TimeoutError) as reason:
        print(reason, file=sys.stderr)
        return 1


def _fetch() -> int:
    prepare(_say)
    return 0


def _run(options: argparse.Namespace) -> int:
    ports = range(options.port, options.port + options.nodes)
    taken = [port for port in ports if brokers_seen(port)]
    foreign = [port for port in ports if port not in taken and _listened_on(port)]
    if taken:
        print(f"a Kafka answers on {HOST}:{taken[0]} already: use it, or give another --port", file=sys.stderr)
        return 1
    if foreign:
        print(f"something that is no Kafka listens on {HOST}:{foreign[0]}: give another --port", file=sys.stderr)
        return 1
    with KafkaCluster(options.dir, options.nodes, list(ports), _say) as cluster:
        return _serve(cluster, options.dir)


def _say(line: str) -> None:
    print(line, flush=True)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A real Apache Kafka on the loopback interface, without containers.")
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("fetch", help="fetch the jars, for later starts: without a network, and quick")
    run = commands.add_parser("run", help="start it and keep it until Ctrl-C")
    run.add_argument("--nodes", type=int, default=1, choices=(1, 3), help="1, or 3 with three copies of everything")
    run.add_argument(
        "--port",
        type=int,
        default=9092,
        help="port of the first node; the others follow, and the controllers 10000 above",
    )
    run.add_argument("--dir", type=Path, default=ROOT / "var" / "kafka", help="where the data is kept")
    return parser


def _serve(cluster: KafkaCluster, directory: Path) -> int:
    print(USE.format(url=cluster.url, directory=directory, more=ONE_COPY if len(cluster.layout.nodes) == 1 else ""))
    print("Ctrl-C stops it.", flush=True)
    while not cluster.dead():
        time.sleep(0.5)
    number = cluster.dead()[0]
    print(f"node {number} ended by itself: see {directory}/node-{number}/server.log", file=sys.stderr)
    return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
