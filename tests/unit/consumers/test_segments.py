"""How texts go over the air."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.segments import Encoding, room_of, segmented, units_of

_EXTENSION = "\f^{}\\[~]|€"
_BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡AZÄÖÑÜ§¿azäöñüà"
gsm_texts = st.text(st.sampled_from(_BASIC + _EXTENSION), max_size=700)
any_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.text(
    st.sampled_from("a€🙂漢"), max_size=400
)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "sizes"),
    [
        ("", Encoding.GSM_7, 0, [0]),
        ("a" * 160, Encoding.GSM_7, 160, [160]),
        ("a" * 161, Encoding.GSM_7, 161, [153, 8]),
        ("a" * 306, Encoding.GSM_7, 306, [153, 153]),
        ("a" * 307, Encoding.GSM_7, 307, [153, 153, 1]),
        ("€" * 80, Encoding.GSM_7, 160, [80]),
        ("€" * 81, Encoding.GSM_7, 162, [76, 5]),
        ("a" * 152 + "€" + "a" * 7, Encoding.GSM_7, 161, [152, 8]),
        ("漢" * 70, Encoding.UCS_2, 70, [70]),
        ("漢" * 71, Encoding.UCS_2, 71, [67, 4]),
        ("🙂" * 35, Encoding.UCS_2, 70, [35]),
        ("🙂" * 36, Encoding.UCS_2, 72, [33, 3]),
        ("ç", Encoding.UCS_2, 1, [1]),
        ("Ç", Encoding.GSM_7, 1, [1]),
        ("`", Encoding.UCS_2, 1, [1]),
    ],
)
def test_the_sizes_of_the_standard(text: str, encoding: Encoding, units: int, sizes: list[int]) -> None:
    """160 and 153 septets, 70 and 67 words; characters of the extension table take two."""
    found = segmented(text)
    assert (found.encoding, found.units, [len(part) for part in found.segments]) == (encoding, units, sizes)


def test_the_characters_that_force_the_wide_alphabet_are_named_once() -> None:
    """In the order in which they stand."""
    assert segmented("a🙂b…c🙂").forcing == ("🙂", "…")


@given(gsm_texts)
def test_a_text_of_the_tables_stays_narrow(text: str) -> None:
    """Both tables of GSM 03.38 go without UCS-2."""
    assert segmented(text).encoding is Encoding.GSM_7


@given(any_texts | gsm_texts)
def test_segments_fit_and_make_up_the_text(text: str) -> None:
    """No character is lost or cut in two, no segment is too long, none could take the next character."""
    found = segmented(text)
    assert "".join(found.segments) == text
    assert found.units == units_of(text, found.encoding)
    room = room_of(found.encoding, len(found.segments)) // len(found.segments)
    sizes = [units_of(part, found.encoding) for part in found.segments]
    assert all(size <= room for size in sizes)
    firsts = [units_of(part[:1], found.encoding) for part in found.segments[1:]]
    assert all(size + first > room for size, first in zip(sizes, firsts, strict=False))


@given(any_texts)
def test_the_words_of_the_wide_alphabet_are_those_of_utf_16(text: str) -> None:
    """A pair of surrogates counts as two and stays together."""
    found = segmented(text + "漢")
    assert found.units == len((text + "漢").encode("utf-16-le")) // 2
    assert all(part.encode("utf-16-le").decode("utf-16-le") == part for part in found.segments)
