"""MessageMedia's API: checks and confirmations, credits, the blacklist, and the way to all the rest."""

from providers.api_calls import Call, json_answer, no_content, routed, routes
from providers.messagemedia.simulation.books import Books, Queue
from providers.messagemedia.simulation.refusals import NOT_FOUND, UNPARSABLE, error
from providers.messagemedia.simulation.sending import Messages
from providers.messagemedia.simulation.signature_keys import SignatureKeys
from providers.messagemedia.simulation.webhooks import Webhooks
from providers.simulation import ApiAnswer

_MOST_CONFIRMED = 100
_MOST_BLACKLISTED = 10
_BLACKLIST_PAGE = 100
_BLACKLIST = "/v1/number_authorisation/mt/blacklist"


class Api:
    """Answers calls that are authenticated."""

    def __init__(self, books: Books, messages: Messages, webhooks: Webhooks, keys: SignatureKeys) -> None:
        self._books = books
        self._routes = (
            *routes("/v1/messages", post=messages.send),
            *routes("/v1/messages/([^/]+)", get=messages.get, put=messages.cancel),
            *routes("/v1/delivery_reports", get=self._check_reports),
            *routes("/v1/delivery_reports/confirmed", post=self._confirm_reports),
            *routes("/v1/replies", get=self._check_replies),
            *routes("/v1/replies/confirmed", post=self._confirm_replies),
            *routes("/v1/messaging/credits", get=_credits),
            *routes("/v1/webhooks/messages", get=webhooks.list, post=webhooks.create),
            *routes("/v1/webhooks/messages/([^/]+)", patch=webhooks.update, delete=webhooks.delete),
            *routes("/v1/iam/signature_keys", get=keys.list, post=keys.create),
            *routes("/v1/iam/signature_keys/enabled", get=keys.enabled, patch=keys.enable, delete=keys.disable),
            *routes("/v1/iam/signature_keys/([^/]+)", get=keys.get, delete=keys.delete),
            *routes(_BLACKLIST, get=self._list_blacklist, post=self._blacklist),
            *routes(f"{_BLACKLIST}/([^/]+)", delete=self._take_off_blacklist),
            *routes("/v1/number_authorisation/is_authorised/([^/]+)", get=self._authorised),
        )

    def answer(self, call: Call) -> ApiAnswer:
        """Answer a call. An unknown path is 404; a known one by another method 405."""
        return routed(
            self._routes,
            call,
            unknown=lambda: error(404, NOT_FOUND),
            wrong_method=lambda: error(405, "Method not allowed"),
        )

    def _check_reports(self, call: Call) -> ApiAnswer:
        return json_answer(200, {"delivery_reports": self._books.reports.oldest(call.now)})

    def _check_replies(self, call: Call) -> ApiAnswer:
        return json_answer(200, {"replies": self._books.replies.oldest(call.now)})

    def _confirm_reports(self, call: Call) -> ApiAnswer:
        return _confirm(call, self._books.reports, "delivery_report_ids")

    def _confirm_replies(self, call: Call) -> ApiAnswer:
        return _confirm(call, self._books.replies, "reply_ids")

    def _list_blacklist(self, call: Call) -> ApiAnswer:
        start = call.whole("token", 0)
        numbers = list(self._books.blacklist)[start:]
        page = numbers[:_BLACKLIST_PAGE]
        # `page` is the token of the next page, as in the provider's own sample; a page without numbers ends the list.
        following = str(start + len(page))
        pagination = {"page": following, "next_uri": f"{_BLACKLIST}?token={following}"}
        return json_answer(200, {"uri": _BLACKLIST, "numbers": page, "pagination": pagination})

    def _blacklist(self, call: Call) -> ApiAnswer:
        numbers = _texts(call.fields().get("numbers"), _MOST_BLACKLISTED)
        if not numbers:
            return error(400, UNPARSABLE, f"/numbers: size must be between 1 and {_MOST_BLACKLISTED}")
        self._books.blacklist.update(dict.fromkeys(numbers))
        return json_answer(201, {"uri": _BLACKLIST, "numbers": numbers})

    def _take_off_blacklist(self, _call: Call, number: str) -> ApiAnswer:
        if number not in self._books.blacklist:
            return error(404, NOT_FOUND)
        del self._books.blacklist[number]
        return no_content()

    def _authorised(self, call: Call, numbers: str) -> ApiAnswer:
        found = [{"number": number, "authorised": number not in self._books.blacklist} for number in numbers.split(",")]
        return json_answer(200, {"uri": call.path, "numbers": found})


def _confirm(call: Call, queue: Queue, name: str) -> ApiAnswer:
    ids = _texts(call.fields().get(name), _MOST_CONFIRMED)
    if not ids:
        return error(400, UNPARSABLE, f"/{name}: size must be between 1 and {_MOST_CONFIRMED}")
    queue.confirm(ids, call.now)
    headers = {"content-type": "text/plain"}
    return ApiAnswer(status=202, body=b"Request accepted, items will be marked as confirmed.", headers=headers)


def _texts(value: object, most: int) -> list[str]:
    """Return a list of one to `most` texts, an empty one for anything else."""
    if not isinstance(value, list) or len(value) > most:
        return []
    return value if all(isinstance(item, str) and item for item in value) else []


def _credits(_call: Call) -> ApiAnswer:
    # The shape is not published; this one is ours.
    return json_answer(200, {"credits": 1000})
