"""Several workers write their log lines into one pipe."""

import select
from io import StringIO

import orjson
import structlog
from hypothesis import given
from hypothesis import strategies as st

from hookline.configuration.settings import LoggingSettings
from hookline.process.line_writer import _pieces
from hookline.process.logs import configure_logs


@given(st.lists(st.integers(1, 2 * select.PIPE_BUF), min_size=1, max_size=30))
def test_lines_are_written_whole(sizes: list[int]) -> None:
    """Nothing is lost, no piece ends within a line, and none of several lines is more than a pipe takes at once."""
    lines = [b"x" * (size - 1) + b"\n" for size in sizes]
    pieces = list(_pieces(lines))
    assert b"".join(pieces) == b"".join(lines)
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert all(len(piece) <= select.PIPE_BUF or piece.count(b"\n") == 1 for piece in pieces)


def test_a_worker_names_itself_in_every_line() -> None:
    """The number comes from the process, whatever the place of the line."""
    stream = StringIO()
    writer = configure_logs(LoggingSettings(), stream, worker=3)
    structlog.get_logger().info("started")
    assert writer.flush()
    assert orjson.loads(stream.getvalue())["worker"] == 3
