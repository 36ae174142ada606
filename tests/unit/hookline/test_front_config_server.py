"""The `[server]` table beyond single values: proxies, and the files of TLS."""

from pathlib import Path

import pytest

from hookline.configuration.config import ConfigError, load_config
from tests.support.front import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder for a configuration."""
    return Desk(tmp_path)


def problem(desk: Desk, *lines: str) -> str:
    """Return what is said of a wrong configuration, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        load_config(desk.write(*lines), {})
    return str(caught.value).removeprefix(f"{desk.config}:")


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.1/8", "0.0.0.0/0"])
def test_a_proxy_that_is_none_is_told_with_its_line(desk: Desk, wrong: str) -> None:
    """Each entry of the list by its number."""
    told = problem(desk, "[server]", "trusted_proxies = [", '  "10.0.0.0/8",', f'  "{wrong}",', "]")
    assert told.startswith(f"4: server.trusted_proxies[1]: {wrong!r} is ")


def test_proxies_are_addresses_or_networks(desk: Desk) -> None:
    """Of both versions of IP."""
    wanted = ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32")
    lines = f"trusted_proxies = {list(wanted)!r}".replace("'", '"')
    assert load_config(desk.write("[server]", lines), {}).server.trusted_proxies == wanted


def test_files_of_tls_are_relative_to_the_configuration(desk: Desk) -> None:
    """Like every path."""
    config = load_config(desk.write("[server]", 'tls_certfile = "tls/cert.pem"', 'tls_keyfile = "/etc/key.pem"'), {})
    assert config.server.tls_certfile == str(desk.config.parent / "tls" / "cert.pem")
    assert config.server.tls_keyfile == "/etc/key.pem"


@pytest.mark.parametrize(("given", "missing"), [("tls_certfile", "tls_keyfile"), ("tls_keyfile", "tls_certfile")])
def test_a_certificate_and_its_key_go_together(desk: Desk, given: str, missing: str) -> None:
    """One alone is told at the table's line."""
    assert problem(desk, "[server]", f'{given} = "a.pem"').startswith(f"1: server.{missing}: missing")


@pytest.mark.parametrize(("number", "fits"), [(0, True), (1, True), (-1, False)])
def test_no_limit_is_zero(desk: Desk, number: int, *, fits: bool) -> None:
    """Less than nothing is a mistake."""
    if fits:
        loaded = load_config(desk.write("[server]", f"refused_per_minute = {number}"), {})
        assert loaded.server.refused_per_minute == number
    else:
        assert "at least 0" in problem(desk, "[server]", f"refused_per_minute = {number}")
