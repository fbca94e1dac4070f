"""What the pages show: commands, snippets, and what these print."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / 'README.md',
    *sorted((ROOT / 'docs').glob('*.md')),
    *sorted((ROOT / 'configs').glob('*/README.md')),
]
FENCE = re.compile(r'^( *)```(\w*)\n(.*?)^ *```$', re.M | re.S)


class Block(NamedTuple):
    """A block of code.

    Args:
        language: ``bash`` is run by a test, ``shell`` only parsed, because
            it names files of the reader.
        code: Its text.
        printed: The block without a language that follows at once.
    """

    language: str
    code: str
    printed: str | None


def blocks(page: Path) -> list[Block]:
    """Blocks of code of a page, in order."""
    text = page.read_text('utf-8')
    found = list(FENCE.finditer(text))
    after = [*found[1:], None]
    result = []
    for block, following in zip(found, after):
        printed = None
        if following is not None and not following[2]:
            between = text[block.end() : following.start()]
            if not between.strip():
                printed = following[3]
        if block[2]:
            code = re.sub(rf'^{block[1]}', '', block[3], flags=re.M)
            result.append(Block(block[2], code, printed))
    return result


def commands(code: str) -> list[str]:
    """Single commands of a block of a shell, without comments."""
    code = code.replace('\\\n', ' ')
    lines = [re.sub(r'(^|\s)#\s.*$', '', line) for line in code.splitlines()]
    parts = [p for line in lines for p in re.split(r'&&|;|\|', line)]
    parts = [re.sub(r'^\s*do\s|>\s*/dev/null', '', p).strip() for p in parts]
    return [part for part in parts if part]


NUMBER = re.compile(r'[-+]?\d+(?:\.\d+)?')


def alike(shown: str, printed: str, tolerance: float = 0.06) -> bool:
    """Whether two outputs have the same words and nearly the same numbers.

    Whole numbers must agree; others may differ by the tolerance, or that
    share of them: a page is not written anew for every fitted weight.
    """

    def words(text: str) -> list[str]:
        return NUMBER.sub('#', text).split()

    pairs = list(zip(NUMBER.findall(shown), NUMBER.findall(printed)))
    return words(shown) == words(printed) and all(
        a == b
        if '.' not in a
        else abs(float(a) - float(b)) <= tolerance * max(1, abs(float(a)))
        for a, b in pairs
    )
