"""The URLs of files: `sqlite:///PATH` is relative, `sqlite:////PATH` absolute."""

from pathlib import Path

SQLITE = "sqlite:///"


def sqlite_path(url: str) -> Path | None:
    """Return the file that the URL names, None where it names none."""
    path = url.removeprefix(SQLITE)
    if path == url or not path.strip("/") or path.startswith(":memory:") or "\0" in path:
        return None
    return Path(path)
