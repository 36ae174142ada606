"""The commands as a user calls them: what they print, and their exit status."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import orjson
import pytest

import hookline as package
import hookline.messagemedia as front_messagemedia
import hookline.syniverse as front_syniverse
import hookline.telnyx as front_telnyx
from broker.log import LogError
from consumers.state.database import StateError
from hookline import cli
from hookline.errors import CommandError
from hookline.process.admin import ListenFailedError
from hookline.version import __version__
from ingest.server import ListenError
from providers.contract import AccountError
from providers.rest import errors as rest_errors
from tests.support.front import BODY, HOOKLINE, Desk, clean_environment, hookline


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder to work in."""
    return Desk(tmp_path)


def test_the_package_exports_these_names() -> None:
    """What other teams may import is a promise; a new name is added here on purpose."""
    clients = ["MessageMediaClient", "SyniverseClient", "TelnyxClient"]
    errors = [name for name in package.__all__ if name.endswith("Error")]
    assert sorted([*clients, *errors, "Page", "Pages", "Secret", "Tempo", "__version__"]) == sorted(package.__all__)
    assert [getattr(package, name).__name__ for name in package.__all__[:-1]] == package.__all__[:-1]


def test_every_error_of_a_call_is_exported() -> None:
    """Who calls has to catch them."""
    found = {name for name, value in vars(rest_errors).items() if isinstance(value, type)}
    assert {name for name in found if issubclass(getattr(rest_errors, name), rest_errors.ApiError)} <= {
        *package.__all__
    }


@pytest.mark.parametrize("module", [front_telnyx, front_messagemedia, front_syniverse])
def test_what_clients_take_and_give_is_exported(module: ModuleType) -> None:
    """From one module a provider, every name of it there."""
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert {"Message"} <= {*module.__all__}


def test_a_name_that_the_package_has_not_is_no_attribute() -> None:
    """The clients are imported when they are asked for; nothing else is."""
    assert not hasattr(package, "NexmoClient")


def test_the_version_is_the_installed_one() -> None:
    """It stands in a file of its own and must not part from pyproject.toml."""
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{__version__}"\n' in text


def test_help_imports_no_command(tmp_path: Path) -> None:
    """`--help` stays fast because nothing of weight is imported for it."""
    code = "import sys; from hookline.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "heavy = {'aiohttp', 'aiokafka', 'nacl', 'orjson', 'structlog', 'prometheus_client', 'asyncio'}\n"
    code += "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, b"")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The overview is the list that the dispatcher uses."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"  {command.name} " in out for command in cli.COMMANDS)


@pytest.mark.parametrize("command", [command.name for command in cli.COMMANDS])
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A command's options come after its name."""
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"hookline {command}" in capsys.readouterr().out


def test_an_unknown_command_is_a_wrong_call(desk: Desk) -> None:
    """Exit status 2, and what there is."""
    found = hookline("bogus", cwd=desk.folder)
    assert found.returncode == 2
    assert b"normalize" in found.stderr


def test_normalize_needs_nothing_but_a_body(desk: Desk) -> None:
    """On standard input, one event a line, with its topic and key."""
    found = hookline("normalize", "telnyx", "-", cwd=desk.folder, given=BODY)
    assert (found.returncode, found.stderr) == (0, b"")
    (event,) = [orjson.loads(line) for line in found.stdout.splitlines()]
    assert event.keys() == {"type", "id", "topic", "key", "data"}
    assert event["topic"] == "messaging.inbound.v1"
    assert event["key"] == "main|+17735550002|+13125550001"
    assert event["data"]["text"] == "Hello"


def test_normalize_keeps_what_it_does_not_understand(desk: Desk) -> None:
    """Bytes that are no JSON give one unrecognized event, not an error."""
    found = hookline("normalize", "telnyx", "-", cwd=desk.folder, given=b"\xff\x00<")
    assert found.returncode == 0
    assert orjson.loads(found.stdout)["type"] == "messaging.webhook.unrecognized"


@pytest.mark.parametrize("name", ["", "a|b", "a b", "a/b", "x" * 65])
def test_normalize_takes_no_account_that_a_configuration_refuses(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The bar divides the parts of keys."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["normalize", "telnyx", "-", "--account", name])
    assert (ended.value.code, "use letters, digits" in capsys.readouterr().err) == (2, True)


def test_normalize_of_a_missing_file_is_one_plain_line(desk: Desk) -> None:
    """No traceback, exit status 1."""
    found = hookline("normalize", "telnyx", "none.json", cwd=desk.folder)
    assert found.returncode == 1
    assert found.stderr == b"hookline: none.json: cannot be read: No such file or directory\n"


def test_init_writes_what_load_accepts(desk: Desk) -> None:
    """The written file is sound, and the next steps name the variables."""
    found = hookline("init", "telnyx", cwd=desk.folder)
    assert found.returncode == 0
    assert b"https://YOUR-HOST/webhooks/main" in found.stdout
    assert b"export TELNYX_PUBLIC_KEY=" in found.stdout
    assert hookline("topics", "plan", cwd=desk.folder).returncode == 0


def test_init_never_overwrites(desk: Desk) -> None:
    """A second call leaves the file as it is."""
    desk.write("# mine")
    found = hookline("init", "telnyx", cwd=desk.folder)
    assert found.returncode == 1
    assert b"there already" in found.stderr
    assert desk.config.read_text() == "# mine\n"


@pytest.mark.parametrize("command", [("run",), ("ingest",), ("consume", "send"), ("tail",), ("topics", "plan")])
def test_a_missing_configuration_is_status_2(desk: Desk, command: tuple[str, ...]) -> None:
    """Every command that needs one says how to get it."""
    found = hookline(*command, cwd=desk.folder)
    assert found.returncode == 2
    assert found.stderr.startswith(b"hookline: hookline.toml: there is no such file; `")
    assert b"-m hookline init telnyx` writes one" in found.stderr


def test_an_unknown_key_is_told_with_its_line(desk: Desk) -> None:
    """Exit status 2, one line a problem, the file named as the user named it."""
    desk.write("[server]", "lisen = 1")
    found = hookline("run", cwd=desk.folder)
    assert found.returncode == 2
    assert found.stderr == b"hookline: hookline.toml:2: unknown key 'lisen' in [server]: did you mean 'listen'?\n"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", b"has no public_keys"),
        ("public_keys = []", b"has no public_keys"),
        ('public_keys = ["env:NOT_SET"]', b"the variable NOT_SET is not set or empty (hookline.toml:3)"),
        ('public_keys = ["file:none.key"]', b"file:none.key: cannot be read: No such file or directory"),
        ('public_keys = ["AAAA"]', b"decodes to 3 bytes, where a key has 32"),
        ('public_keys = ["not base64!"]', b"is not base64"),
    ],
)
@pytest.mark.parametrize("command", ["run", "ingest"])
def test_an_account_without_a_usable_key_refuses_to_start(desk: Desk, command: str, keys: str, said: bytes) -> None:
    """It says which account and why, with exit status 2."""
    desk.write("[accounts.shop]", 'provider = "telnyx"', keys)
    found = hookline(command, cwd=desk.folder)
    assert found.returncode == 2
    assert b"account 'shop' cannot prove a sender" in found.stderr
    assert said in found.stderr


def test_every_account_that_cannot_start_is_named(desk: Desk) -> None:
    """All at once, not one for each try; those with a key are not named."""
    desk.write_sound("[accounts.b]", 'provider = "telnyx"', "[accounts.c]", 'provider = "telnyx"')
    found = hookline("run", cwd=desk.folder)
    assert [line.split(b"'")[1] for line in found.stderr.splitlines()] == [b"b", b"c"]


def test_a_receiver_without_accounts_refuses_to_start(desk: Desk) -> None:
    """It could answer nothing but 404."""
    desk.write("")
    found = hookline("ingest", cwd=desk.folder)
    assert (found.returncode, b"[accounts.NAME]" in found.stderr) == (2, True)


@pytest.mark.parametrize(
    ("key", "said"),
    [('api_key = "env:NOT_SET"', b"hookline.toml:11: cannot send: env:NOT_SET: the variable"), ("", b"has no api_key")],
)
def test_a_sender_without_a_credential_refuses_to_start(desk: Desk, key: str, said: bytes) -> None:
    """Alone it would only mark every command as failed."""
    desk.write_sound(key)
    found = hookline("consume", "send", cwd=desk.folder)
    assert (found.returncode, said in found.stderr) == (2, True)


def test_a_wrong_address_is_a_wrong_call(desk: Desk) -> None:
    """On the command line as in the file."""
    desk.write_sound()
    found = hookline("run", "--admin", "8081", cwd=desk.folder)
    assert (found.returncode, b"--admin: '8081' is not HOST:PORT" in found.stderr) == (2, True)


def test_tail_needs_no_key_of_an_account(desk: Desk) -> None:
    """Reading the log works where the variables of the service are not set; nothing but records is printed."""
    desk.write("[accounts.a]", 'provider = "telnyx"', 'public_keys = ["env:NOT_SET"]')
    assert hookline("topics", "apply", cwd=desk.folder).returncode == 0
    found = hookline("tail", "--from", "-15m", "--no-follow", cwd=desk.folder)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


def test_tail_of_an_unknown_topic_names_ours(desk: Desk) -> None:
    """A typing mistake is told instead of waiting for ever."""
    desk.write_sound()
    hookline("topics", "apply", cwd=desk.folder)
    found = hookline("tail", "--topic", "messaging.inbuond.v1", "--no-follow", cwd=desk.folder)
    assert found.returncode == 1
    assert b"no topic messaging.inbuond.v1 on this log; ours are: messaging.webhooks.v1" in found.stderr


def test_tail_makes_no_log(desk: Desk) -> None:
    """Looking at a log that is not there leaves nothing behind."""
    desk.write_sound()
    found = hookline("tail", "--no-follow", cwd=desk.folder)
    assert (found.returncode, (desk.folder / "log.db").exists()) == (1, False)
    assert b"-m hookline run` makes it" in found.stderr


def test_topics_apply_makes_what_plan_names(desk: Desk) -> None:
    """Plan, apply, and nothing is left to do; dead-letter topics are among them."""
    desk.write_sound()
    first = hookline("topics", "plan", cwd=desk.folder)
    assert b"create    messaging.inbound.v1.auto-reply.dlq" in first.stdout
    assert hookline("topics", "apply", cwd=desk.folder).returncode == 0
    assert b"create" not in hookline("topics", "plan", cwd=desk.folder).stdout


def test_consume_knows_its_consumers(desk: Desk) -> None:
    """Another name is a wrong call."""
    found = hookline("consume", "nobody", cwd=desk.folder)
    assert found.returncode == 2
    assert b"auto-reply" in found.stderr


def test_a_closed_pipe_ends_quietly(desk: Desk) -> None:
    """`hookline normalize ... | head` leaves no complaint."""
    process = subprocess.Popen(
        [*HOOKLINE, "normalize", "telnyx", "-"],
        cwd=desk.folder,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(BODY)
    process.stdin.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(30), said) == (0, b"")


@pytest.mark.parametrize("kind", [LogError, ListenError, ListenFailedError, StateError, AccountError, CommandError])
def test_what_a_room_says_is_told_as_it_is(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each room words its own errors for people."""

    def fail(_argv: list[str]) -> int:
        raise kind("the disk is full")

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["run"]) == 1
    assert capsys.readouterr().err == "hookline: the disk is full\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_while_a_service_is_imported_ends_it_with_status_0(tmp_path: Path, name: str) -> None:
    """Nothing is open yet: no traceback, and no status of a process that was killed."""
    (tmp_path / "slow.py").write_text(f"import os, signal\nos.kill(os.getpid(), signal.{name})\nraise ImportError")
    code = "import sys; sys.path.append(''); from hookline import cli\n"
    code += "cli.COMMANDS = (cli.Command('run', 'slow', '', serves=True),); sys.exit(cli.main(['run']))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, b"")


def test_what_nobody_foresaw_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug says so, and how to see where."""
    monkeypatch.setattr(cli, "_dispatch", lambda _argv: 1 / 0)
    assert cli.main(["run"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("hookline: internal error: ZeroDivisionError")
    assert "HOOKLINE_DEBUG=1" in said
    assert said.count("\n") == 1


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOOKLINE_DEBUG=1 lets the error through."""
    monkeypatch.setenv("HOOKLINE_DEBUG", "1")
    monkeypatch.setattr(cli, "_dispatch", lambda _argv: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run"])
