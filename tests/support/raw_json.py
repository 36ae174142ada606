"""JSON as text, with all that a parser hides: repeated and escaped names, long numbers, white space, depth."""

from hypothesis import strategies as st

NUMBERS = ("0", "1", "2", "1.0", "1e2", "-1", "01", "18446744073709551616", "18446744073709551617", "NaN", "9" * 5000)
TEXTS = (
    '""',
    '"1"',
    '"2"',
    '"a"',
    '"x\\"y"',
    '"\\ud83d"',
    '"\\u00e9"',
    '"\u00e9"',
    '"https:\\/\\/x.example/"',
    '"\\q"',
)
WORDS = ("true", "null", "[]", "{}")


def texts_of(names: tuple[str, ...], values: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Return bodies that are JSON or nearly so, with these names (without quotes) and values among others."""
    names = (*names, *(f"\\u{ord(name[0]):04x}{name[1:]}" for name in names), *(f'x\\"{name}' for name in names), "n")
    leaves = st.sampled_from((*NUMBERS, *TEXTS, *WORDS, *values))
    blank = st.sampled_from(("", "", "", " ", "\n", "\x0b"))

    def member(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        parts = st.tuples(st.sampled_from(names), blank, blank, inner, blank)
        return parts.map(lambda part: f'"{part[0]}"{part[1]}:{part[2]}{part[3]}{part[4]}')

    def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        objects = st.lists(member(inner), max_size=4).map(lambda found: "{" + ",".join(found) + "}")
        lists = st.lists(inner, max_size=3).map(lambda found: "[" + ",".join(found) + "]")
        deep = st.tuples(st.sampled_from((100, 300)), inner).map(lambda one: "[" * one[0] + one[1] + "]" * one[0])
        return objects | objects | lists | deep

    return nested(st.recursive(leaves, nested, max_leaves=8)).map(lambda text: text.encode("utf-8", "surrogatepass"))
