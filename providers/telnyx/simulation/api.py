"""Telnyx's API: the table of all its paths, behind one key."""

import hmac

from providers.api_calls import Call, routed, routes
from providers.fiction import Fiction
from providers.simulation import ApiAnswer
from providers.telnyx.simulation import checks
from providers.telnyx.simulation.books import Books
from providers.telnyx.simulation.numbers import Numbers
from providers.telnyx.simulation.optouts import OptOuts
from providers.telnyx.simulation.profiles import Profiles
from providers.telnyx.simulation.refusals import error, not_found
from providers.telnyx.simulation.replays import Replays
from providers.telnyx.simulation.sending import Kind, Sending

_BASE = "(?:/v2)?"
_MESSAGES = f"{_BASE}/messages"
# Older texts have a slash in place of the first underscore; there is nothing at that path.
_BULK_UPDATES = f"{_BASE}/messaging_numbers_bulk_updates"

# What the pages of some paths do not have is passed over.
_TIME = "send_at"
_NOT_OF_WHATSAPP = ("text", "subject", "media_urls", "encoding", _TIME)


class Api:
    """Answers every call. The version in front of a path may be left out: the simulator's base URL has none."""

    def __init__(self, api_key: str, fiction: Fiction, books: Books) -> None:
        self._authorization = f"Bearer {api_key}".encode()
        numbers, profiles = Numbers(fiction), Profiles()
        take, once = Sending(fiction, books, numbers), Replays().once
        self._routes = (
            *routes(_MESSAGES, post=once(take.taking(checks.MESSAGE))),
            *routes(
                f"{_MESSAGES}/whatsapp",
                post=once(take.taking(checks.WHATSAPP, Kind.WHATSAPP, without=_NOT_OF_WHATSAPP)),
            ),
            *routes(
                f"{_MESSAGES}/group_mms", post=once(take.taking(checks.GROUP, Kind.GROUP, without=("encoding", _TIME)))
            ),
            *routes(f"{_MESSAGES}/long_code", post=once(take.taking(checks.LONG_CODE, without=(_TIME,)))),
            *routes(f"{_MESSAGES}/number_pool", post=once(take.taking(checks.NUMBER_POOL, without=("from", _TIME)))),
            *routes(f"{_MESSAGES}/short_code", post=once(take.taking(checks.SHORT_CODE, without=(_TIME,)))),
            # No key is declared for these: a repeated call is a second message, or a second order.
            *routes(f"{_MESSAGES}/schedule", post=take.taking(checks.MESSAGE)),
            *routes(_BULK_UPDATES, post=numbers.order),
            *routes(f"{_BULK_UPDATES}/([^/]+)", get=numbers.get_order),
            *routes(f"{_MESSAGES}/([^/]+)", get=take.get, delete=take.cancel),
            *routes(f"{_BASE}/messaging_optouts", get=OptOuts(books).list),
            *routes(f"{_BASE}/phone_numbers/messaging", get=numbers.list),
            *routes(f"{_BASE}/phone_numbers/([^/]+)/messaging", get=numbers.get, patch=numbers.update),
            *routes(f"{_BASE}/mobile_phone_numbers/messaging", get=numbers.list_mobile),
            *routes(f"{_BASE}/mobile_phone_numbers/([^/]+)/messaging", get=numbers.get_mobile),
            *routes(f"{_BASE}/messaging_profiles", get=profiles.list),
            *routes(f"{_BASE}/messaging_profiles/([^/]+)", patch=profiles.update),
        )

    def answer(self, call: Call) -> ApiAnswer:
        """Answer a call. Without the key it is 401; an unknown path is 404, a known one by another method 405."""
        # Compared as bytes: a text beyond ASCII would raise.
        given = call.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._authorization):
            return error(401, "10009")
        return routed(self._routes, call, unknown=not_found, wrong_method=lambda: error(405, "10030"))
