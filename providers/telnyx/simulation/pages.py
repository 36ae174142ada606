"""Pages of a list: `page[number]` from 1, `page[size]` at most 250."""

from collections.abc import Sequence

from providers.api_calls import Call, json_answer
from providers.simulation import ApiAnswer
from providers.telnyx.simulation.bodies import Fields
from providers.telnyx.simulation.refusals import error

_USUAL, _LARGEST = 20, 250
_NUMBER, _SIZE = "page[number]", "page[size]"


def page(call: Call, items: Sequence[Fields]) -> ApiAnswer:
    """Return the page that a call asks for; behind the last one an empty page."""
    number, size = _asked(call, _NUMBER, 1), _asked(call, _SIZE, _USUAL)
    if number < 1:
        return error(422, "10033", "Pages are counted from 1.", parameter=_NUMBER)
    if not 1 <= size <= _LARGEST:
        return error(422, "10033", f"A page has 1 to {_LARGEST} items.", parameter=_SIZE)
    meta = {
        "page_number": number,
        "page_size": size,
        "total_pages": -(-len(items) // size),
        "total_results": len(items),
    }
    return json_answer(200, {"data": items[(number - 1) * size : number * size], "meta": meta})


def _asked(call: Call, name: str, usual: int) -> int:
    """Return a number of the query, 0 for what is none."""
    return call.whole(name, 0) if name in call.query else usual
