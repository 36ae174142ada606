"""Ids: the same event has the same id, other events have others."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import digest_id, event_id

parts = st.lists(st.one_of(st.none(), st.text()), max_size=5)


def test_the_recipe_is_fixed() -> None:
    """Consumers keep ids for weeks: a release must not change how they are made."""
    assert event_id("main", "messaging.link.clicked", "abc", "+13125550001") == "71ce8b86ac5c86206bf4261a491b8610"


@given(parts, parts)
def test_other_parts_give_another_id(one: list[str | None], other: list[str | None]) -> None:
    """No choice of parts imitates another: the joint between them is part of the id."""
    clean = [[p if p is None else p.encode("utf-8", "replace") for p in group] for group in (one, other)]
    assert (digest_id(*one) == digest_id(*other)) == (clean[0] == clean[1])


@given(st.text(), st.text())
def test_an_id_is_32_hexadecimal_digits(account: str, provider_id: str) -> None:
    """The form is part of the contract."""
    made = event_id(account, "kind", provider_id)
    assert len(made) == 32
    assert set(made) <= set("0123456789abcdef")
