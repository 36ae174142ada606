"""Where each key of a TOML text stands: `tomllib` gives values without lines, and an error needs its line.

Only texts that `tomllib` has accepted are scanned, so the scanner trusts their grammar (TOML 1.0).
"""

from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
"""Keys from the top; an item of an array is named by its index."""

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_BLANKS = " \t\r\n"


def lines_of(text: str) -> Mapping[KeyPath, int]:
    """Return the line, counted from 1, of every table, key and array item of a valid TOML text."""
    return _Scanner(text.replace("\r\n", "\n")).scan()


class _Scanner:
    """Walks over the text once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[KeyPath, int] = {}
        self.items: dict[KeyPath, int] = {}

    def scan(self) -> Mapping[KeyPath, int]:
        """Return the lines of all keys."""
        table: KeyPath = ()
        while self._skip():
            if self._peek() == "[":
                table = self._heading()
            else:
                self._pair(table)
        return self.lines

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _step(self, count: int = 1) -> str:
        passed = self.text[self.at : self.at + count]
        self.line += passed.count("\n")
        self.at += count
        return passed

    def _skip(self, blanks: str = _BLANKS) -> bool:
        """Pass blanks and comments; tell whether anything is left."""
        while self._peek() and self._peek() in blanks + "#":
            if self._peek() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                self._step()
        return self.at < len(self.text)

    def _heading(self) -> KeyPath:
        array = self.text.startswith("[[", self.at)
        self._step(2 if array else 1)
        *parents, last = self._key()
        self._step(2 if array else 1)
        path = (*self._through((), parents), last)
        if array:
            index = self.items[path] = self.items.get(path, -1) + 1
            self._note(path)
            path = (*path, index)
        elif path in self.items:
            path = (*path, self.items[path])
        self._note(path)
        return path

    def _through(self, table: KeyPath, keys: list[str]) -> KeyPath:
        """Return the path of a nested table: within an array of tables it is the last item that is meant."""
        for key in keys:
            table = (*table, key)
            self._note(table)
            if table in self.items:
                table = (*table, self.items[table])
        return table

    def _note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.line)

    def _pair(self, table: KeyPath) -> None:
        *parents, last = self._key()
        path = (*self._through(table, parents), last)
        self._note(path)
        self._step()
        self._skip(" \t")
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(" \t")
            parts.append(self._string() if self._peek() in "\"'" else self._bare())
            self._skip(" \t")
            if self._peek() != ".":
                return parts
            self._step()

    def _bare(self) -> str:
        start = self.at
        while self._peek() and self._peek() not in " \t\r\n.=]#,}":
            self._step()
        return self.text[start : self.at]

    def _value(self, path: KeyPath) -> None:
        match self._peek():
            case '"' | "'":
                self._string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                while self._peek() and self._peek() not in ",]}#\n":
                    self._step()

    def _array(self, path: KeyPath) -> None:
        self._step()
        index = 0
        while self._skip(_BLANKS + ",") and self._peek() != "]":
            self._note((*path, index))
            self._value((*path, index))
            index += 1
        self._step()

    def _inline_table(self, path: KeyPath) -> None:
        self._step()
        while self._skip(_BLANKS + ",") and self._peek() != "}":
            self._pair(path)
        self._step()

    def _string(self) -> str:
        quote = self._peek()
        if self.text.startswith(quote * 3, self.at):
            return self._long_string(quote * 3)
        self._step()
        found = ""
        while (sign := self._step()) not in {quote, ""}:
            found += self._escape() if sign == "\\" and quote == '"' else sign
        return found

    def _escape(self) -> str:
        sign = self._step()
        if sign in "uU" and sign:
            return chr(int(self._step(4 if sign == "u" else 8), 16))
        return _ESCAPES.get(sign, sign)

    def _long_string(self, quotes: str) -> str:
        start = self.at
        self._step(3)
        while self.at < len(self.text) and not self.text.startswith(quotes, self.at):
            self._step(2 if self._peek() == "\\" and quotes[0] == '"' else 1)
        self._step(3)
        while self._peek() == quotes[0]:
            self._step()
        return self.text[start : self.at]
