"""Templates of webhooks as others have them; those that this project registers are in `preparing/template.py` above."""

import json


def _json(**members: str) -> str:
    return json.dumps(members)


UNRENDERED_OPT_OUT = _json(
    reply_id="$replyId",
    source_number="$sourceAddress",
    destination_number="$destinationNumber",
    date_received="$receivedTimestamp",
    message_id="$messageId",
    content="$esc.json($moContent)",
)
"""A template of replies that is used for opt-outs too, which have no `$replyId`: it stays as it is."""

FOREIGN_REPLY = _json(
    id="$replyId",
    date_received="$receivedTimestamp",
    destination_number="$destinationAddress",
    source_number="$sourceAddress",
    message_content="$esc.json($replyContent)",
    retry_count="$retryCount",
)
"""A template of an integration: it names no message, and counts the retries."""

NESTED_REPLY = (
    '{"content":{"original":"$esc.json($mtContent)","reply":"$esc.json($moContent)"},'
    '"addresses":{"recipient":"$destinationAddress","sender":"$sourceAddress"},'
    '"service_type":"$format","message_id":"$messageId","reply_id":"$replyId"}'
)
"""A template whose members are objects."""

SHORT_REPORT = _json(id="$mtId", status="$statusCode")
SHORT_FORM = "id=$mtId&status=$statusCode"

UNESCAPED_REPLY = _json(
    replyId="$replyId",
    messageId="$messageId",
    replyContent="$replyContent",
    sourceAddress="$sourceAddress",
    destinationAddress="$destinationAddress",
    timestamp="$receivedTimestamp",
)
"""A template without `$esc.json`: a quote or a line break in the text breaks it."""

XML_REPLY = (
    "<message><content><reply>$moContent</reply></content><messageId>$messageId</messageId>"
    "<replyId>$replyId</replyId></message>"
)
XML_REPORT = "<content><id>$mtId</id><status>$statusCode</status></content>"

QUERY_REPORT = "drId=$drId&mtId=$mtId&status=$status&statusCode=$statusCode&sourceAddress=$sourceAddress"
QUERY_REPLY = (
    "moId=$moId&mtId=$mtId&moContent=$moContent&sourceAddress=$sourceAddress&destinationAddress=$destinationAddress"
)
