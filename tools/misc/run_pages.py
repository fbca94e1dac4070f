"""What the pages show: commands, snippets, and what these print.

``python tools/misc/run_pages.py README.md docs/inference.md`` runs the blocks
``bash`` of pages in an empty directory, in their order, and writes what they
print into the blocks without a language that follow at once. Blocks that
install, train, or need files of the reader are left out. Look at the changes
before you commit them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
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
            code = re.sub(rf'(?m)^{block[1]}', '', block[3])
            result.append(Block(block[2], code, printed))
    return result


LEFT_OUT = re.compile(
    r'pip install|mobind train|--video|python |FOLDER|CONFIG|[A-Z]+\.pth'
)


def runnable(page: Path) -> list[Block]:
    """Blocks that need no installation, no training and no foreign file."""
    return [
        block
        for block in blocks(page)
        if block.language == 'bash' and not LEFT_OUT.search(block.code)
    ]


def run(
    code: str, folder: Path, installed: Path | None = None
) -> subprocess.CompletedProcess:
    """Run a block as a user would, with ``mobind`` of this checkout.

    Args:
        code: Of a shell.
        folder: Where it is run.
        installed: Python of an environment whose ``mobind`` is taken.
    """
    python = f'{shlex.quote(str(installed or sys.executable))} -W ignore'
    paths = {} if installed else {'PYTHONPATH': str(ROOT)}
    outside = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    calls = (
        f'mobind() {{ {python} -m mobind_mm "$@"; }}\n'
        f'python() {{ {python} "$@"; }}\n'
    )
    return subprocess.run(
        ['bash', '-euc', calls + code],
        cwd=folder,
        env={**outside, **paths, 'COLUMNS': '200'},
        capture_output=True,
        text=True,
        timeout=1800,
    )


def commands(code: str) -> list[str]:
    """Single commands of a block of a shell, without comments."""
    code = code.replace('\\\n', ' ')
    lines = [re.sub(r'(^|\s)#\s.*$', '', line) for line in code.splitlines()]
    parts = [p for line in lines for p in re.split(r'&&|;|\|', line)]
    parts = [re.sub(r'^\s*do\s', '', p).strip() for p in parts]
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


def main() -> None:
    """Write what the blocks of some pages print now."""
    for name in sys.argv[1:]:
        page = ROOT / name
        with tempfile.TemporaryDirectory() as folder:
            for block in runnable(page):
                done = run(block.code, Path(folder))
                if done.returncode > 1:
                    raise RuntimeError(f'{block.code}\n{done.stderr}')
                if block.printed is not None:
                    new = f'{done.stdout.strip()}\n'
                    text = page.read_text('utf-8')
                    old = f'```\n{block.printed}```'
                    page.write_text(text.replace(old, f'```\n{new}```', 1))
                    print(name, block.code, new, sep='\n')


if __name__ == '__main__':
    main()
