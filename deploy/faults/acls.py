"""Takes the right to write away and gives it back, in Kafka's own protocol: aiokafka has no words for it.

CreateAcls and DeleteAcls, version 1 (KIP-290). A broker with `StandardAuthorizer` and
`allow.everyone.if.no.acl.found` has to be told that everything else stays allowed. Controllers of several nodes must
be allowed before any rule is read, so they speak to each other as a user of their own; clients are anonymous.
"""

import socket
import struct

_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="node" password="n" user_node="n";'
AUTHORIZER = {
    "super.users": "User:node",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.controller.plain.sasl.jaas.config": _LOGIN,
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
_CREATE, _DELETE = 30, 31
_TOPIC, _PREFIXED = 2, 4
_ALL, _WRITE = 2, 4
_DENY, _ALLOW = 2, 3
_EVERYBODY = "User:*"
_RULES = ((_ALL, _ALLOW), (_WRITE, _DENY))


class AclError(Exception):
    """The broker did not take the change."""


def forbid_writing(port: int, prefix: str) -> None:
    """Deny everybody to write into topics whose names begin with the prefix. Blocks. Raises AclError, OSError."""
    rules = [_rule(prefix, operation, permission) for operation, permission in _RULES]
    body = struct.pack(">i", len(rules)) + b"".join(rules)
    answer = _ask(port, _CREATE, body)
    _check(answer, len(rules))


def allow_writing(port: int, prefix: str) -> None:
    """Take back what `forbid_writing` did. Blocks. Raises AclError, OSError."""
    rules = [_rule(prefix, operation, permission) for operation, permission in _RULES]
    _check(_ask(port, _DELETE, struct.pack(">i", len(rules)) + b"".join(rules)), len(rules))


def _rule(prefix: str, operation: int, permission: int) -> bytes:
    place = struct.pack(">b", _TOPIC) + _text(prefix) + struct.pack(">b", _PREFIXED)
    return place + _text(_EVERYBODY) + _text("*") + struct.pack(">bb", operation, permission)


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def _ask(port: int, api: int, body: bytes) -> bytes:
    request = struct.pack(">hhi", api, 1, 1) + _text("faults") + body
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(connection, 4))
        return _read(connection, size)


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise AclError("the broker closed the connection")
        data += more
    return data


def _check(answer: bytes, rules: int) -> None:
    """Look at the first result; both rules are of one kind and succeed or fail together."""
    _correlation, _throttle, count, code = struct.unpack(">iiih", answer[:14])
    if count != rules or code:
        raise AclError(f"error code {code} for the first of {count} rules")
