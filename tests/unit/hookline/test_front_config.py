"""The configuration: what it gives, and what it says when it is wrong."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hookline.configuration.config import Config, ConfigError, load_config
from providers.contract import Secret
from tests.support.front import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder for a configuration."""
    return Desk(tmp_path)


def problems(desk: Desk, *lines: str, **environment: str) -> list[str]:
    """Return what is said of a wrong configuration, without the name of the file."""
    desk.write(*lines)
    with pytest.raises(ConfigError) as caught:
        load_config(desk.config, environment)
    return [line.removeprefix(f"{desk.config}:") for line in str(caught.value).splitlines()]


def test_an_empty_file_gives_the_defaults(desk: Desk) -> None:
    """Everything but accounts has a default."""
    config = load_config(desk.write(""), {})
    assert (config.server.listen, config.logging.format, config.accounts) == ("127.0.0.1:8080", "auto", {})


def test_the_example_of_the_design_is_read(desk: Desk) -> None:
    """The configuration that scripts lean on: server, broker, account, rules before their table."""
    config = load_config(
        desk.write(
            "[server]",
            'listen = "127.0.0.1:8080"',
            "[broker]",
            'url = "sqlite:///var/hookline.db"',
            "[accounts.main]",
            'provider = "telnyx"',
            'tenant = "acme"',
            'public_keys = ["env:TELNYX_PUBLIC_KEY"]',
            'api_key = "env:TELNYX_API_KEY"',
            'base_url = "https://api.telnyx.com/v2"',
            "[[consumers.auto_reply.rules]]",
            'name = "hours"',
            'keywords = ["HOURS"]',
            'reply = "Open 9 to 17."',
            "[consumers.auto_reply]",
            'default_reply = "Thanks."',
        ),
        {"TELNYX_PUBLIC_KEY": desk.public_key, "TELNYX_API_KEY": "KEY1"},
    )
    account = config.accounts["main"]
    assert (account.provider, account.tenant) == ("telnyx", "acme")
    assert account.settings["public_keys"] == (Secret(desk.public_key, "env:TELNYX_PUBLIC_KEY"),)
    assert account.settings["api_key"] == Secret("KEY1", "env:TELNYX_API_KEY")
    assert config.consumers.auto_reply.rules[0].keywords == ("HOURS",)
    assert config.consumers.auto_reply.default_reply == "Thanks."


def test_relative_sqlite_paths_resolve_against_the_file(desk: Desk) -> None:
    """Three slashes are relative to the configuration, four are absolute."""
    config = load_config(desk.write("[broker]", 'url = "sqlite:///var/a.db"'), {})
    assert config.broker.url == f"sqlite:///{desk.folder}/var/a.db"
    config = load_config(desk.write("[broker]", 'url = "sqlite:////srv/a.db"'), {})
    assert config.broker.url == "sqlite:////srv/a.db"
    assert config.consumers.state == f"sqlite:///{desk.folder}/var/state.db"


def test_a_key_comes_from_a_file_beside_the_configuration(desk: Desk) -> None:
    """The newline at the end of the file does not count."""
    (desk.folder / "key.txt").write_text(desk.public_key + "\r\n")
    config = load_config(desk.write("[accounts.a]", 'provider = "telnyx"', 'public_keys = ["file:key.txt"]'), {})
    assert config.accounts["a"].settings["public_keys"] == (Secret(desk.public_key, "file:key.txt"),)


def test_a_public_key_may_stand_in_the_file(desk: Desk) -> None:
    """A public key is nobody's secret; its origin is the line."""
    config = load_config(desk.write_sound(), {})
    (key,) = config.accounts["main"].settings["public_keys"]
    assert (key.value, key.origin) == (desk.public_key, f"{desk.config}:10")


def test_a_missing_variable_is_kept_for_those_who_need_it(desk: Desk) -> None:
    """`tail` and `topics` need no key of an account."""
    config = load_config(desk.write_sound('api_key = "env:NOT_THERE"'), {})
    (missing,) = config.unresolved["main"]
    assert missing.setting.name == "api_key"
    assert "NOT_THERE is not set" in missing.reason
    assert missing.place == f"{desk.config}:11"


def test_secrets_are_in_no_repr(desk: Desk) -> None:
    """A configuration that is logged by accident shows no key."""
    config = load_config(desk.write_sound('api_key = "env:K"'), {"K": "very-secret"})
    assert "very-secret" not in repr(config)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["[server]", 'lisen = "x"'], ["2: unknown key 'lisen' in [server]: did you mean 'listen'?"]),
        (["", "[sever]"], ["2: unknown table 'sever': did you mean 'server'?"]),
        (["[broker.kafka]", 'nope.a = "x"'], ["2: unknown table 'nope' in [broker.kafka]: known here: "]),
        (["[server]", "max_in_flight = '9'"], ["2: server.max_in_flight: expected a whole number, found a text"]),
        (["[server]", "max_in_flight = true"], ["2: server.max_in_flight: expected a whole number, found true"]),
        (["[server]", "max_in_flight = 0"], ["2: server.max_in_flight: expected a number from 1 to 1000000, found 0"]),
        (["[server]", "drain_listen = nan"], ["2: server.drain_listen: expected a number from 0 to 600, found nan"]),
        (["[server]", "listen = '8080'"], ["2: server.listen: '8080' is not HOST:PORT"]),
        (["server = 1"], ["1: server: expected a table, found a whole number"]),
        (["[logging]", "level = 'loud'"], ["2: logging.level: 'loud' is not one of debug, info, warning, error"]),
        (["[broker]", "url = 'redis://x'"], ["2: broker.url: 'redis://x' is not of the form sqlite:///PATH or kafka:"]),
        (["[accounts.a]"], ["1: accounts.a: 'provider' is missing; one of "]),
        (["[accounts.a]", "provider = 'telnix'"], ["2: unknown provider 'telnix': did you mean 'telnyx'?"]),
        (["[accounts.'a b']", "provider = 'telnyx'"], ["1: account name 'a b': use letters, digits"]),
        (["[accounts]", "a = 1"], ["2: accounts.a: expected a table [accounts.NAME], found a whole number"]),
        (["[accounts.a]", "provider = 'telnyx'", "public_key = 'x'"], ["3: unknown key 'public_key' in [accounts.a]"]),
        (["[accounts.a]", "provider = 'telnyx'", "polls = 'opt_outs'"], ["3: accounts.a.polls: expected a list"]),
        (["[accounts.a]", "provider = 'telnyx'", "tolerance = nan"], ["3: accounts.a.tolerance: expected a number of"]),
        (
            ["[[consumers.auto_reply.rules]]", "name = 'a'"],
            ["1: consumers.auto_reply.rules[0]: 'reply' is missing"],
        ),
        (
            ["[broker.kafka]", "sasl_password = 'x'"],
            ["2: broker.kafka.sasl_password: secrets come from the environment"],
        ),
        (
            ["[broker.kafka]", "security_protocol = 'sasl_ssl'"],
            ["2: broker.kafka.security_protocol: 'sasl_ssl' is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"],
        ),
        (
            ["[broker.kafka]", "sasl_mechanism = 'SCRAM'"],
            ["2: broker.kafka.sasl_mechanism: 'SCRAM' is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"],
        ),
        (["[broker.kafka]", "sasl_password = 'env:NO'"], ["2: broker.kafka.sasl_password: env:NO: the variable NO is"]),
        (["a = ", "b = 1"], ["1: not valid TOML, column 5: invalid value"]),
        (["[a"], ["1: not valid TOML, column 3: "]),
        (["a = " + "[" * 20000], ["1: brackets are nested too deep"]),
    ],
)
def test_a_problem_is_told_with_its_line(desk: Desk, lines: list[str], said: list[str]) -> None:
    """Every kind of problem names the line, what is wrong and what may be written."""
    found = problems(desk, *lines)
    for expected in said:
        assert any(line.startswith(expected) for line in found), found


def test_a_secret_in_the_file_is_refused_without_being_shown(desk: Desk) -> None:
    """An API key comes from the environment or a file; the message does not repeat it."""
    (found,) = problems(desk, "[accounts.a]", "provider = 'telnyx'", "api_key = 'KEY-very-secret'")
    assert found.startswith("3: accounts.a.api_key: secrets come from the environment or a file: write env:NAME")
    assert "very-secret" not in found


def test_all_problems_are_told_at_once_in_order(desk: Desk) -> None:
    """Whoever mends a file should not have to start it once for each mistake."""
    found = problems(
        desk, "[server]", "x = 1", "drain_listen = 'a'", "[accounts.a]", "provider = 'no'", "[logging]", "y = 1"
    )
    assert [line.partition(":")[0] for line in found] == ["2", "3", "5", "7"]


def test_a_rule_for_an_account_that_is_not_there(desk: Desk) -> None:
    """A rule that could never apply is a mistake."""
    found = problems(
        desk,
        "[accounts.main]",
        "provider = 'telnyx'",
        "[[consumers.auto_reply.rules]]",
        "name = 'a'",
        "keywords = ['A']",
        "reply = 'b'",
        "accounts = ['mian']",
    )
    assert found == ["7: consumers.auto_reply.rules[0].accounts: no account 'mian': did you mean 'main'?"]


def test_a_table_of_sending_for_an_account_that_is_not_there(desk: Desk) -> None:
    """Limits that would hold for nobody are a mistake too."""
    found = problems(
        desk,
        "[accounts.main]",
        "provider = 'telnyx'",
        "[[consumers.send.accounts]]",
        "name = 'mian'",
        "sender_rate = 1",
    )
    assert found == ["4: consumers.send.accounts[0].name: no account 'mian': did you mean 'main'?"]


def test_an_account_has_one_table_of_sending(desk: Desk) -> None:
    """What a second one says would be dropped without a word."""
    table = ("[[consumers.send.accounts]]", "name = 'main'")
    found = problems(
        desk, "[accounts.main]", "provider = 'telnyx'", *table, "account_rate = 5", *table, "in_doubt = 'resend'"
    )
    assert found == ["7: consumers.send.accounts[1].name: 'main' has a table already; one holds all of it"]


def test_a_missing_file_names_the_way_out(tmp_path: Path) -> None:
    """The first mistake of all."""
    with pytest.raises(ConfigError, match="there is no such file; `hookline init telnyx` writes one"):
        load_config(tmp_path / "none.toml", {})


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    """Neither is anything else that cannot be read."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, {})


def test_bytes_that_are_not_utf8_have_a_line(desk: Desk) -> None:
    """A file in another encoding says so."""
    desk.config.write_bytes(b"[server]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=":2: not UTF-8"):
        load_config(desk.config, {})


def outcome(desk: Desk) -> Config | str:
    """Return the configuration, or what is said of it."""
    try:
        return load_config(desk.config, {"X": "y"})
    except ConfigError as error:
        return str(error)


words = st.sampled_from(
    [
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\n",
        " ",
        '"',
        "'",
        '"""',
        "#",
        "server",
        "listen",
        "accounts",
        "a",
        "provider",
        "telnyx",
        "broker",
        "url",
        "consumers",
        "auto_reply",
        "rules",
        "public_keys",
        "env:X",
        "file:.",
        "1",
        "-1",
        "1e400",
        "nan",
        "true",
        "1979-05-27",
        "\\",
        "é",
        "\r",
        "\x00",
        "'sqlite:///x'",
        "kafka",
        "logging",
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(words, max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_gives_a_configuration_or_its_problems(desk: Desk, text: str) -> None:
    """Whatever is in the file, nothing but ConfigError comes out."""
    desk.config.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert outcome(desk)


values = st.recursive(
    st.sampled_from(["1", "0.5", "true", "'x'", "'env:X'", "'file:x'", "1979-05-27", "nan", "-3", "'127.0.0.1:1'"]),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | inner.map(lambda item: f"{{ name = {item} }}")
    ),
    max_leaves=4,
)
tables = st.sampled_from(
    [
        "server",
        "broker",
        "broker.kafka",
        "broker.embedded",
        "accounts",
        "accounts.a",
        "consumers",
        "logging",
        "consumers.auto_reply",
        "consumers.send",
        "[consumers.auto_reply.rules]",
        "[accounts]",
        "other",
    ]
)
names = st.sampled_from(
    [
        "listen",
        "admin",
        "drain_listen",
        "url",
        "kafka",
        "sasl_password",
        "max_bytes",
        "provider",
        "tenant",
        "state",
        "public_keys",
        "api_key",
        "tolerance",
        "rules",
        "default_reply",
        "name",
        "keywords",
        "reply",
        "accounts",
        "level",
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(tables, st.dictionaries(names, values, max_size=3)), max_size=4))
def test_any_values_under_our_keys_give_a_configuration_or_lines(
    desk: Desk, parts: list[tuple[str, dict[str, str]]]
) -> None:
    """Values of the wrong kind in the right places: every problem names a line that exists."""
    body = "\n".join(f"[{table}]\n" + "\n".join(f"{k} = {v}" for k, v in pairs.items()) for table, pairs in parts)
    desk.write(body)
    found = outcome(desk)
    for line in found.splitlines() if isinstance(found, str) else ():
        number = int(line.removeprefix(f"{desk.config}:").partition(":")[0])
        assert 1 <= number <= body.count("\n") + 2
