"""Where a provider is reached, and base64 in its one form."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.access import base_url
from providers.base64_text import decode_strictly
from providers.contract import Account, AccountError


def test_the_default_holds_where_the_account_says_nothing() -> None:
    """And the account's own URL goes before it."""
    assert base_url(Account(name="a", provider="p"), "https://api.example") == "https://api.example"
    account = Account(name="a", provider="p", settings={"base_url": "http://[::1]:8080/v2"})
    assert base_url(account, "https://api.example") == "http://[::1]:8080/v2"


@pytest.mark.parametrize("url", ["ftp://x", "https://", "http://[x", "api.example", "https:///v1"])
def test_what_is_no_url_is_refused_with_the_account(url: str) -> None:
    """A path or another scheme too."""
    with pytest.raises(AccountError, match="account 'a': base_url is not"):
        base_url(Account(name="a", provider="p", settings={"base_url": url}), "https://api.example")


@given(st.binary())
def test_bytes_have_one_text(data: bytes) -> None:
    """The canonical one is read."""
    assert decode_strictly(base64.b64encode(data).decode()) == data


@given(st.text() | st.text("AQ=+/- _\n"))
def test_any_other_text_is_none(text: str) -> None:
    """Bits hidden in the last character, white space, missing padding: whatever is read writes itself again."""
    data = decode_strictly(text)
    assert data is None or base64.b64encode(data).decode() == text
