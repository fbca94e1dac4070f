"""Read a long JSON list item by item, in little memory."""

from __future__ import annotations

import codecs
import gc
import io
import json
import re
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pydantic_core import from_json

from .archives import is_file, open_file
from .headers import skip_marks

CHUNK = 1 << 20
"""Characters read at once."""

LONGEST_ITEM = 1 << 26
"""Characters of the longest item: what follows a syntax error is not read
to the end of the file in search of a bracket."""

_TOGETHER = 1 << 16
"""Characters of items that are decoded together: they stay in the cache."""
_START = re.compile(r'\{\s*"[^"\\]{0,100}"\s*:')
"""How an item begins that is a dict."""

_DECODER = json.JSONDecoder()


class JSONItems:
    """Items of the outermost list, or of what is under a key of a dict.

    Only one item is held at a time. After the iteration ``others`` holds
    the other keys of the dict, and is empty if the file is a list.

    Args:
        path: JSON file, UTF-8 with or without a byte order mark.
        key: Key of the list, if the file holds a dict. None: the items of a
            dict are its pairs (name, value).
        pairs: Whether a dict may be under ``key``, whose pairs are the items.

    Raises:
        FileNotFoundError: On iteration, if there is no such file.
        ValueError: On iteration, if the file is damaged or holds something
            else; names the file and the position.
    """

    def __init__(
        self, path: str | Path, key: str | None, pairs: bool = False
    ) -> None:
        self.path = path
        self.key = key
        self._opening = '[{' if pairs else '['
        self.others: dict[str, Any] = {}

    def __iter__(self) -> Iterator[Any]:
        if not is_file(Path(self.path)):
            raise FileNotFoundError(f'{self.path}: there is no such file.')
        with open_text(self.path) as file:
            self._file: TextIO = file
            self._text, self._at, self._before = '', 0, 0
            self._start: str | None = None
            self.others = {}
            yield from self._read_file()

    def _read_file(self) -> Iterator[Any]:
        opening = self._peek()
        if opening == '[':
            yield from self._read_list()
        elif opening == '{':
            yield from self._read_dict()
        else:
            raise self._error(f'starts with {opening!r}, expected "[" or "{{"')
        if self._peek() not in ('', '\0'):  # of which a disk keeps room
            raise self._error('continues after its end')

    def _read_dict(self) -> Iterator[Any]:
        if self.key is None:
            for name in self._read_keys():
                yield name, self._read_value()
            return
        has_list = False
        for name in self._read_keys():
            opening = self._peek()
            if name != self.key or opening not in self._opening:
                self.others[name] = self._read_value()
                continue
            has_list = True
            if opening == '[':
                yield from self._read_list()
            else:
                for inner in self._read_keys():
                    yield inner, self._read_value()
        if not has_list:
            names = ', '.join(repr(name[:40]) for name in self.others)
            raise ValueError(
                f'{self.path}: there is no list {self.key!r}, only '
                f'{names[:300] or "nothing"}.'
            )

    def _read_keys(self) -> Iterator[str]:
        """Keys of a dict, before the value of each, which must be read."""
        self._at += 1
        separator = '' if self._peek() != '}' else self._take('}')
        while separator != '}':
            name = self._read_value()
            if not isinstance(name, str):
                raise self._error(f'key {str(name)[:40]!r} is not a text')
            self._take(':')
            yield name
            separator = self._take(',}')

    def _read_list(self) -> Iterator[Any]:
        self._at += 1
        separator = '' if self._peek() != ']' else self._take(']')
        while separator != ']':
            yield from self._read_together()
            yield self._read_value()
            separator = self._take(',]')

    def _read_together(self) -> list:
        """Items before one that begins as the first does; perhaps none.

        Whatever is not to the letter what the decoder of one item takes is
        left to it.
        """
        self._peek()
        text, at = self._text, self._at
        if self._start is None:
            match = _START.match(text, at)
            self._start = match[0] if match else ''
        if not self._start:
            return []
        next_item = text.rfind(self._start, at + 1, at + _TOGETHER)
        end = text.rfind(',', at, max(next_item, at))
        if end < 0:
            return []
        try:
            # Valid only if the comma stands between two items of this list.
            items = from_json(f'[{text[at:end]}]')
        except ValueError:
            self._start = ''
            return []
        self._at = end + 1
        return items

    def _read_value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._fill():
                    continue
                self._at = error.pos
                raise self._error(error.msg) from None
            except (ValueError, RecursionError) as error:
                reason = str(error).split('\n')[0][:80]
                raise self._error(reason) from None
            # A number that ends with the text may continue in the next chunk.
            if end < len(self._text) or not self._fill():
                self._at = end
                return value

    def _take(self, expected: str) -> str:
        """Step over one of the expected characters and return it."""
        character = self._peek()
        if not character or character not in expected:
            wanted = ' or '.join(f'"{one}"' for one in expected)
            raise self._error(f'{character!r} instead of {wanted}')
        self._at += 1
        return character

    def _peek(self) -> str:
        """Next character that is not a space, or '' at the end of the file."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._at += 1
            if not self._fill():
                return ''

    def _fill(self) -> bool:
        """Drop what was read and append more; False at the end."""
        rest = self._text[self._at :]
        if len(rest) > LONGEST_ITEM:
            return False
        try:
            more = self._file.read(max(CHUNK, len(rest)))
        except UnicodeDecodeError as error:
            raise self._error(f'not UTF-8 ({error.reason})') from None
        if more:
            self._before += self._at
            self._text, self._at = rest + more, 0
        return bool(more)

    def _error(self, what: str) -> ValueError:
        return ValueError(
            f'{self.path}: not complete JSON: {what}, at or after character '
            f'{self._before + self._at}. Write or copy the file again.'
        )


def open_text(path: str | Path, errors: str = 'strict') -> TextIO:
    """Open a text, also of an archive: UTF-8, perhaps with marks.

    Or UTF-16 with its mark, as PowerShell writes what a program prints.
    ``errors`` says what becomes of other bytes, as in :func:`open`.
    """
    file = open_file(Path(path))
    wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    file.seek(0)
    if not wide:
        skip_marks(file)
    encoding = 'utf-16' if wide else 'utf-8'
    return io.TextIOWrapper(file, encoding, errors)


@contextmanager
def without_cycles() -> Iterator[None]:
    """Leave out the search for cycles, of which JSON has none.

    For millions of lists it takes a third of the time that reading does.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def shorten(value: Any) -> str:
    """Value for a message: short, on one line."""
    return reprlib.repr(value)[:120]
