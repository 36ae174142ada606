"""The command that runs a real Kafka, and what it says where it cannot."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.kafka import jars
from deploy.kafka.cluster import KafkaCluster, brokers_seen, free_ports, prepare
from deploy.kafka.jars import KafkaMissingError, fetch
from deploy.kafka.layout import Layout, Node, properties, short_id
from tests.support.kafka import bootstrap, own_cluster

SCRIPT = Path(__file__).parents[2] / "deploy" / "kafka" / "cluster.py"


def node(number: int) -> Node:
    """Return a node with ports of its own."""
    return Node(number, 9000 + number, 19000 + number, "d" * 22)


def test_without_java_the_command_says_what_to_install(tmp_path: Path) -> None:
    """One line with the command that installs it, and status 1."""
    (port,) = free_ports(1)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "run", "--dir", str(tmp_path), "--port", str(port)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Java is missing: apt-get install default-jre-headless maven\n"


def test_a_port_that_something_else_has_is_told(tmp_path: Path) -> None:
    """Known before a JVM is started, and not mistaken for a Kafka whatever it answers."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "run", "--dir", str(tmp_path), "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert done.stderr == f"something that is no Kafka listens on 127.0.0.1:{port}: give another --port\n"


def test_without_maven_fetch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jars cannot be had without it, and nothing half done is left."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaMissingError, match="apt-get install"):
        fetch(tmp_path / "libs")
    assert not (tmp_path / "libs").exists()


def test_a_failed_fetch_leaves_nothing_and_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network Maven fails; the next start tries again."""
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(KafkaMissingError, match=r"libs\.log"):
        fetch(tmp_path / "libs", lambda _: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["libs.lock", "libs.log", "mvn"]


def test_jars_are_fetched_once_and_again_for_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stamp in the folder is that of the `pom.xml`."""
    fetched: list[Path] = []

    def download(into: Path, _log: Path) -> None:
        into.mkdir()
        fetched.append(into)

    monkeypatch.setattr(jars, "_download", download)
    monkeypatch.setattr(jars, "_require", lambda *_: None)
    for _ in range(2):
        fetch(tmp_path / "libs", lambda _: None)
    assert len(fetched) == 1
    (tmp_path / "libs" / "pom.sha256").write_text("another version")
    fetch(tmp_path / "libs", lambda _: None)
    assert len(fetched) == 2


@pytest.mark.parametrize(("nodes", "copies", "in_sync"), [(1, 1, 1), (3, 3, 2)])
def test_a_cluster_is_as_durable_as_its_nodes_allow(nodes: int, copies: int, in_sync: int) -> None:
    """Internal topics have as many copies as there are nodes, and two of three must be in sync."""
    layout = Layout("c" * 22, tuple(node(number) for number in range(1, nodes + 1)))
    lines = properties(layout, node(1), Path("/data")).splitlines()
    assert f"offsets.topic.replication.factor={copies}" in lines
    assert f"min.insync.replicas={in_sync}" in lines
    assert all("0.0.0.0" not in line for line in lines)  # noqa: S104 - that it is not there is the point


def test_a_layout_is_remembered(tmp_path: Path) -> None:
    """The next start finds the ids and ports of the first."""
    layout = Layout("c" * 22, (node(1), node(2)))
    layout.save(tmp_path / "cluster.json")
    assert Layout.load(tmp_path / "cluster.json") == layout


def test_another_number_of_nodes_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    """A cluster of one does not become three by asking."""
    Layout("c" * 22, (node(1),)).save(tmp_path / "cluster.json")
    with pytest.raises(KafkaMissingError, match="cluster of 1 nodes"):
        KafkaCluster(tmp_path, 3)._settle()


def test_no_id_looks_like_an_option() -> None:
    """Kafka's tools read a leading dash as one; one id in 64 would have it."""
    assert not any(short_id().startswith("-") for _ in range(2000))


def test_nobody_answers_on_a_free_port() -> None:
    """A port where nothing listens has no broker."""
    (port,) = free_ports(1)
    assert brokers_seen(port) == 0


@pytest.mark.kafka
def test_the_command_runs_kafka_until_it_is_interrupted(tmp_path: Path) -> None:
    """It prints the URL when Kafka answers, ends with status 0 on Ctrl-C, and leaves no broker behind."""
    bootstrap()
    (port,) = free_ports(1)
    command = [sys.executable, str(SCRIPT), "run", "--dir", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert any(f"kafka://127.0.0.1:{port}" in line for line in process.stdout)
            assert brokers_seen(port) == 1
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    deadline = time.monotonic() + 5
    while brokers_seen(port):
        assert time.monotonic() < deadline


@pytest.mark.kafka
def test_a_node_starts_from_the_archive_of_its_classes() -> None:
    """What `cluster.py fetch` makes is what Java reads: it refuses an archive of other jars without a word."""
    bootstrap()
    prepare(lambda _: None)
    with own_cluster() as cluster:
        maps = Path(f"/proc/{cluster.pid()}/maps").read_text()
    assert str(jars.archive(jars.libraries(), jars.require_java())) in maps
