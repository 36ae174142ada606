"""The list of who opted out. `to` is the person: an entry has the direction of the messages that are blocked."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf

from providers.api_calls import Call
from providers.simulation import ApiAnswer
from providers.telnyx.simulation.bodies import PROFILE, Fields
from providers.telnyx.simulation.books import Books, OptOut
from providers.telnyx.simulation.moments import seconds_of
from providers.telnyx.simulation.pages import page
from providers.telnyx.simulation.refusals import error

_HIDDEN_DIGITS = 4
_BOUNDS = (("created_at[gte]", -inf), ("created_at[lte]", inf))


class OptOuts:
    """Answers `GET /messaging_optouts`."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def list(self, call: Call) -> ApiAnswer:
        """Answer a page of what the filters leave. Numbers are hidden only where that is asked for."""
        bounds: list[float] = []
        for name, otherwise in _BOUNDS:
            moment = seconds_of(call.query[name]) if name in call.query else otherwise
            if moment is None:
                return error(422, "10031", "Not a time as ISO 8601.", parameter=name)
            bounds.append(moment)
        found = [one for one in self._filtered(call) if bounds[0] <= one.at <= bounds[1]]
        hidden = call.query.get("redaction_enabled") == "true"
        return page(call, [_item(one, hidden=hidden) for one in found])

    def _filtered(self, call: Call) -> Sequence[OptOut]:
        if call.query.get("filter[messaging_profile_id]", PROFILE) != PROFILE:
            return ()
        ours = call.query.get("filter[from]")
        return [one for one in self._books.opt_outs(call.now) if ours in {None, one.ours}]


def _item(one: OptOut, *, hidden: bool) -> Fields:
    return {
        "created_at": datetime.fromtimestamp(one.at, UTC).isoformat(sep=" ", timespec="microseconds"),
        "from": one.ours,
        "keyword": one.keyword,
        "messaging_profile_id": PROFILE,
        "to": one.theirs[:-_HIDDEN_DIGITS] + "*" * _HIDDEN_DIGITS if hidden else one.theirs,
    }
