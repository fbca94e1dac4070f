"""Examples at the end of the ``--help`` of each subcommand."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

_, *_PARTS = re.split(
    r'^\[(.*)\]\n',
    Path(__file__).with_name('examples.txt').read_text('utf-8'),
    flags=re.MULTILINE,
)
EXAMPLES = dict(zip(_PARTS[::2], map(str.rstrip, _PARTS[1::2])))
"""By the words after ``mobind``."""


def example_text(words: str) -> str:
    """What stands below the flags.

    >>> example_text('models').splitlines()
    ['example:', '  mobind models']
    """
    text = EXAMPLES.get(words, '')
    if not text:
        return ''
    commands = text.count('\nmobind') + 1
    return f'example{"s" * (commands > 1)}:\n{indent(text, "  ")}'
