"""The demo's folder: what it writes, what it removes, what it leaves alone."""

import tomllib
from pathlib import Path

import pytest

from hookline.demo import folder as files
from hookline.errors import CommandError


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Written again, they stay so."""
    with files.opened(tmp_path / "demo") as folder:
        for value in ("one", "two"):
            files.write_keys(folder, "main", {"SOME_KEY": value})
    path = tmp_path / "demo" / "keys" / "main" / "SOME_KEY"
    assert path.read_text() == "two\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_accounts_at_one_provider_have_keys_of_their_own(tmp_path: Path) -> None:
    """The same variable of both is in two files, and each is referred to by its account."""
    with files.opened(tmp_path) as folder:
        for account in ("main", "second"):
            files.write_keys(folder, account, {"SOME_KEY": f"of {account}"})
    for account in ("main", "second"):
        path = files.key_reference(account, "SOME_KEY").removeprefix("file:")
        assert (tmp_path / path).read_text() == f"of {account}\n"


def test_every_account_has_its_table(tmp_path: Path) -> None:
    """One configuration serves them all."""
    with files.opened(tmp_path) as folder:
        files.write_config(folder, {"one": ['provider = "x"'], "two": ['provider = "y"', "polls = []"]}, (1, 2))
    accounts = tomllib.loads((tmp_path / "hookline.toml").read_text())["accounts"]
    assert accounts == {"one": {"provider": "x"}, "two": {"provider": "y", "polls": []}}


def test_the_next_run_removes_the_data_of_the_last(tmp_path: Path) -> None:
    """And nothing else: not a file of the user's, not a folder that only looks like ours."""
    (tmp_path / "data-20200101-000000").mkdir()
    (tmp_path / "data-20200101-000000" / "mine").touch()
    (tmp_path / "notes.txt").write_text("mine")
    old = tmp_path / "data-20200102-000000"
    old.mkdir()
    (old / ".hookline-demo").touch()
    with files.opened(tmp_path) as folder:
        assert folder.data.is_dir()
        assert not old.exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "data-20200101-000000" / "mine").exists()


def test_a_configuration_that_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    """Somebody's own file is in the folder."""
    (tmp_path / "hookline.toml").write_text("[server]\n")
    with pytest.raises(CommandError, match="--dir"), files.opened(tmp_path):
        pytest.fail("it opened")
    assert (tmp_path / "hookline.toml").read_text() == "[server]\n"


def test_our_own_configuration_is_replaced(tmp_path: Path) -> None:
    """Repeated runs in one folder work."""
    for port in (1111, 2222):
        with files.opened(tmp_path) as folder:
            files.write_config(folder, {"main": ['provider = "x"']}, (port, port + 1))
    assert 'listen = "127.0.0.1:2222"' in (tmp_path / "hookline.toml").read_text()


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second says what to do."""
    with (
        files.opened(tmp_path),
        pytest.raises(CommandError, match="another demo runs"),
        files.opened(tmp_path),
    ):
        pytest.fail("it opened")


def test_a_folder_that_cannot_be_made_is_told_plainly(tmp_path: Path) -> None:
    """No stack trace for a file in the way."""
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="--dir"), files.opened(tmp_path / "file"):
        pytest.fail("it opened")


def test_free_ports_differ() -> None:
    """Receiver and admin address need one each."""
    assert len(set(files.free_ports(5))) == 5
