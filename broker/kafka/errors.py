"""What aiokafka's errors mean for us, in plain words."""

import contextlib
import socket
import ssl
from collections.abc import Generator

from aiokafka import errors

from broker.log import LogError, LogUnavailableError


class InvalidRecordError(errors.BrokerResponseError):  # type: ignore[misc] # aiokafka has no types
    """INVALID_RECORD: the broker refuses a record by its content, such as one without a key on a compacted topic."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The record failed the validation on the broker."


# aiokafka knows the broker's codes up to 79; one that it does not know is told as an unknown server error.
errors.kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)

UNWELL: tuple[type[Exception], ...] = (
    errors.KafkaError,
    errors.IllegalOperation,
    errors.ConsumerStoppedError,
    OSError,  # TimeoutError is one
    # aiokafka asserts, and reaches into None, where it has no metadata yet.
    AssertionError,
    AttributeError,
    TypeError,
    KeyError,
)
"""Everything that a client of the cluster raises while the cluster is not as it should be."""

REFUSED: tuple[type[Exception], ...] = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.RecordTooLargeError,
    errors.InvalidTimestampError,
    errors.CorruptRecordException,
    errors.PolicyViolationError,
    errors.kafka_errors[InvalidRecordError.errno],
)
"""Errors of a record: it can never be stored, the cluster is well."""

PERHAPS_OF_THE_RECORD: tuple[type[Exception], ...] = (*REFUSED, errors.UnknownError)
"""Errors after which a record is tried by itself: a batch is refused for any one record in it.

UnknownError is the broker's own fault, or a code that aiokafka does not know.
"""

TRANSIENT: tuple[type[Exception], ...] = (
    errors.NotLeaderForPartitionError,
    errors.LeaderNotAvailableError,
    errors.NotEnoughReplicasError,
    errors.NotEnoughReplicasAfterAppendError,
    errors.TopicAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.UnknownTopicOrPartitionError,
    errors.UnknownError,
)
"""Errors that a new producer would meet again, so that the old one may stay."""

_WORDS: dict[type[BaseException], str] = {
    errors.TopicAuthorizationFailedError: "this user may not use the topic",
    errors.GroupAuthorizationFailedError: "this user may not use the consumer group",
    errors.ClusterAuthorizationFailedError: "this user may not do that on the cluster",
    errors.InconsistentGroupProtocolError: (
        "members that share partitions in another way than by range are in the group"
        " (an old version, or another program): end them first"
    ),
    errors.UnknownTopicOrPartitionError: "there is no such topic (hookline topics apply makes it)",
    errors.NotLeaderForPartitionError: "the partition has no leader just now",
    errors.LeaderNotAvailableError: "the partition has no leader just now",
    errors.NotEnoughReplicasError: "fewer copies are in sync than min.insync.replicas asks for",
    errors.NotEnoughReplicasAfterAppendError: "fewer copies are in sync than min.insync.replicas asks for",
    errors.MessageSizeTooLargeError: "larger than the topic's max.message.bytes",
    errors.RecordListTooLargeError: "larger than the broker takes at once",
    errors.InvalidTimestampError: "its timestamp is further away than the topic allows",
    errors.CorruptRecordException: "the broker finds it corrupt",
    errors.PolicyViolationError: "a policy of the cluster forbids it",
    errors.kafka_errors[InvalidRecordError.errno]: "the broker finds it invalid (a compacted topic needs keys)",
    errors.UnknownError: "an error of the broker that has no name here",
    errors.ProducerClosed: "given up, Kafka did not answer",
    errors.ConsumerStoppedError: "the consumer has died",
    errors.SaslAuthenticationFailed: "user name or password is wrong",
    errors.UnsupportedSaslMechanismError: "the broker does not offer this sasl_mechanism",
}


def words(error: BaseException) -> str:
    """Return what the error says to a person."""
    if isinstance(error, TimeoutError | errors.KafkaTimeoutError | errors.RequestTimedOutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return _system_words(error)
    return _WORDS.get(type(error)) or str(error) or type(error).__name__


def _system_words(error: OSError) -> str:
    match error:
        case ConnectionRefusedError():
            return "nobody listens there"
        case socket.gaierror():
            return "no machine of that name is known"
        case ssl.SSLCertVerificationError():
            return f"the broker's certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed ({error.reason}): does that port speak it?"
        case _:
            return error.strerror or str(error) or type(error).__name__


@contextlib.contextmanager
def plainly(doing: str) -> Generator[None]:
    """Turn whatever a client raises into LogUnavailableError, saying what we were doing."""
    try:
        yield
    except LogError:
        raise
    except UNWELL as error:
        raise LogUnavailableError(f"{doing}: {words(error)}") from error
