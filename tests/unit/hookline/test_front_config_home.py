"""A path that begins with `~` is refused wherever a configuration names one."""

from pathlib import Path

import pytest

from hookline.configuration.config import ConfigError, load_config
from tests.support.front import Desk

_SYNIVERSE = ("[accounts.a]", 'provider = "syniverse"')


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("[spool]", 'dir = "~/spool"'), "spool.dir: '~/spool'"),
        (("[spool]", 'dir = "~"'), "spool.dir: '~'"),
        (("[spool]", 'dir = "~hook/spool"'), "spool.dir: '~hook/spool'"),
        (("[server]", 'tls_certfile = "~/c.pem"', 'tls_keyfile = "k.pem"'), "server.tls_certfile: '~/c.pem'"),
        (("[broker]", 'url = "sqlite:///~/log.db"'), "broker.url: '~/log.db'"),
        (("[consumers]", 'state = "sqlite:///~/s.db"'), "consumers.state: '~/s.db'"),
        (("[broker.kafka]", 'sasl_password = "file:~/password"'), "broker.kafka.sasl_password: '~/password'"),
        ((*_SYNIVERSE, 'token_file = "~/a.token"'), "accounts.a.token_file: '~/a.token'"),
        ((*_SYNIVERSE, 'consumer_secret = "file:~/secret"'), "accounts.a.consumer_secret: '~/secret'"),
    ],
)
def test_a_home_is_refused_in_every_path(tmp_path: Path, lines: tuple[str, ...], name: str) -> None:
    """It would be a folder that is called so, beside the configuration."""
    with pytest.raises(ConfigError) as caught:
        load_config(Desk(tmp_path).write(*lines), {})
    assert f"{name}: '~' stands for no folder here; write the whole path" in str(caught.value)


def test_a_folder_whose_name_begins_so_can_be_named(tmp_path: Path) -> None:
    """With its place before it."""
    config = load_config(Desk(tmp_path).write("[spool]", 'dir = "./~/spool"'), {})
    assert config.spool.dir == str(tmp_path / "~" / "spool")
