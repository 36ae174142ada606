"""MessageMedia's entry among the providers: its settings as a configuration gives them."""

from pathlib import Path

import pytest

from hookline.configuration.config import ConfigError, load_config
from hookline.configuration.template import config_text, variables
from hookline.doctor.accounts import check_accounts
from hookline.doctor.report import Grade
from hookline.process.startup import endpoints_of, unable_to_verify
from providers.contract import AccountError
from providers.messagemedia import PROVIDER
from providers.messagemedia.failures import FAILURES
from schemas.vocabulary import DeliveryStatus, FailureClass
from tests.support.front import Desk
from tests.support.messagemedia_webhooks import KEY_ID, NOW, SHARED_SECRET, public_key, request_of, signed_headers

BODY = b'{"reply_id": "1"}'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder for a configuration."""
    return Desk(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        'secret_header = "env:S"',
        'secret_header = ["env:S"]',
        'secret_header = {value = "env:S"}',
        'secret_header = [{name = "X-Hookline-Secret", value = "env:S"}, "env:OTHER"]',
    ],
)
def test_secret_headers_of_a_configuration(desk: Desk, line: str) -> None:
    """One table, one reference, or a list of either."""
    config = load_config(
        desk.write("[accounts.main]", 'provider = "messagemedia"', line), {"S": SHARED_SECRET, "OTHER": "other"}
    )
    found = PROVIDER.verifier(config.accounts["main"]).verify(
        request_of(BODY, {"x-hookline-secret": SHARED_SECRET}), NOW
    )
    assert found.key == "secret:x-hookline-secret#1"


@pytest.mark.parametrize("value", ["env:KEY", public_key()])
def test_keys_of_a_configuration(desk: Desk, value: str) -> None:
    """A public key may be a reference or the text itself; SHA256 is the digest unless another is named."""
    config = load_config(
        desk.write(
            "[accounts.main]",
            'provider = "messagemedia"',
            f'keys = [{{id = "{KEY_ID}", public_key = "{value}"}}]',
            'outer_path = "/in"',
            "tolerance = 60",
        ),
        {"KEY": public_key()},
    )
    request = request_of(BODY, signed_headers(BODY, target="/in"), target="/webhooks/main")
    assert PROVIDER.verifier(config.accounts["main"]).verify(request, NOW + 60).key == f"rsa:{KEY_ID}"


def test_a_key_that_cannot_be_read_keeps_the_receiver_from_starting(desk: Desk) -> None:
    """One of several is enough: on the day of the change it would be missing."""
    config = load_config(
        desk.write(
            "[accounts.main]",
            'provider = "messagemedia"',
            'secret_header = "env:S"',
            f'keys = [{{id = "{KEY_ID}", public_key = "env:NOT_THERE"}}]',
        ),
        {"S": SHARED_SECRET},
    )
    unable = unable_to_verify(config, config.accounts["main"])
    assert unable is not None
    assert "NOT_THERE" in unable.reason


def test_an_account_with_neither_refuses(desk: Desk) -> None:
    """It could prove nobody."""
    config = load_config(desk.write("[accounts.main]", 'provider = "messagemedia"'), {})
    with pytest.raises(AccountError, match="nobody could be proved"):
        PROVIDER.verifier(config.accounts["main"])


def test_the_configuration_that_init_writes_can_receive(desk: Desk) -> None:
    """With its variables set it proves senders by the secret header, and can send."""
    environment = dict.fromkeys(variables(PROVIDER), "p5-some-value")
    assert sorted(environment) == ["MESSAGEMEDIA_API_KEY", "MESSAGEMEDIA_API_SECRET", "MESSAGEMEDIA_SECRET_HEADER"]
    config = load_config(desk.write(config_text(PROVIDER)), environment)
    assert unable_to_verify(config, config.accounts["main"]) is None
    assert PROVIDER.reach(config.accounts["main"]) == "https://api.messagemedia.com"


def test_field_names_of_a_configuration(desk: Desk) -> None:
    """A table of texts under our names."""
    config = load_config(
        desk.write("[accounts.main]", 'provider = "messagemedia"', 'field_names = {content = "a.b"}'), {}
    )
    assert config.accounts["main"].settings["field_names"] == {"content": "a.b"}


def test_a_field_name_that_is_none_of_ours_keeps_the_receiver_from_starting(desk: Desk) -> None:
    """It would do nothing; the text names those that there are."""
    config = load_config(
        desk.write(
            "[accounts.main]",
            'provider = "messagemedia"',
            'secret_header = "env:S"',
            'field_names = {contents = "a.b", status = "s"}',
        ),
        {"S": SHARED_SECRET},
    )
    with pytest.raises(ConfigError, match=r"field_names has no 'contents'; there are: event, .*content, "):
        endpoints_of(config)
    (check, *_) = check_accounts(config)
    assert check.grade is Grade.FAIL
    assert "'contents'" in check.title


def test_words_of_the_tables() -> None:
    """Every word has one of ours beside it, and every failure a class that somebody can act on."""
    assert set(PROVIDER.words.statuses.values()) <= set(DeliveryStatus)
    assert set(FAILURES.values()) == set(FailureClass)
    assert PROVIDER.words.consents["STOP"] == "opted_out"
    assert PROVIDER.chooses_number
