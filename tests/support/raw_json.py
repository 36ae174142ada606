"""JSON as text, with all that a parser hides: repeated and escaped names, long numbers, white space, depth."""

from hypothesis import strategies as st

SOUND = (
    "0",
    "2",
    "1.0",
    "1e2",
    "-1",
    "18446744073709551617",
    '""',
    '"2"',
    '"\u00e9"',
    '"https:\\/\\/x/"',
    "null",
    "[]",
    "{}",
)
ODD = ("01", "NaN", "9" * 5000, '"x\\"y"', '"\\ud83d"', '"\\u00e9"', '"\\q"', "[" * 300 + "]" * 300)


def with_member(text: bytes, member: str, *, last: bool) -> bytes:
    """Return the text of an object with one more member, the first or the last; another text with it beside."""
    inner = text.strip()[1:-1]
    parts = filter(None, (inner, member.encode()) if last else (member.encode(), inner))
    return b"{" + b",".join(parts) + b"}"


def texts_of(names: tuple[str, ...], values: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Return bodies that are JSON or nearly so, with these names (without quotes) and values among others."""
    names = (*names, *(f"\\u{ord(name[0]):04x}{name[1:]}" for name in names), *(f'x\\"{name}' for name in names), "n")
    leaves = st.sampled_from((*SOUND, *values) * 4 + ODD)
    blank = st.sampled_from(("",) * 20 + (" ", "\n", "\x0b"))

    def member(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        parts = st.tuples(st.sampled_from(names), blank, blank, inner, blank)
        return parts.map(lambda part: f'"{part[0]}"{part[1]}:{part[2]}{part[3]}{part[4]}')

    def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        objects = st.lists(member(inner), max_size=4).map(lambda found: "{" + ",".join(found) + "}")
        lists = st.lists(inner, max_size=3).map(lambda found: "[" + ",".join(found) + "]")
        return objects | objects | lists

    whole = st.recursive(leaves, nested, max_leaves=8)
    return (
        st.lists(member(whole), max_size=4)
        .map(lambda found: "{" + ",".join(found) + "}")
        .map(lambda text: text.encode("utf-8", "surrogatepass"))
    )
