"""Write the tables of results into the pages, from ``docs/results/*.json``.

A table of a page follows a line that says where its numbers come from::

    <!-- results: sync.json#cells where fps=30 columns sensors; clip -->

``where`` keeps rows and ``columns`` keeps columns, both by their headings;
without them the table is shown whole. Everything up to the next line that is
no row of a table is replaced.

A file of results says how they were made, and holds tables::

    {"about": {"command": "…", "seed": 0, "data": "…", "hardware": "…",
               "date": "2026-11-25", "commit": "…", "version": "0.1.0"},
     "tables": {"cells": {"columns": ["sensors", "fused: MAE, s"],
                          "digits": [null, "seconds"],
                          "rows": [[5, 0.0011]]}},
     "quoted": {"what the text of a page quotes": 0.0003}}

``digits`` are the decimals of each column; null: as they stand. ``seconds``
shows four decimals below 0.1 s and two above. Columns in ``bold`` are
emphasised. A text may show cells of other tables, so that a summary repeats no
number: ``{sync.json#cells[sensors=5;clip=20 s][fused: MAE, s]}``.
``write_results`` writes such a file from a program.

Without flags the pages are rewritten; ``--check`` only names tables that
differ, and fails if there are any.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from mobind_mm.utils.files import write_whole
from mobind_mm.version import __version__

ROOT = Path(__file__).resolve().parents[2]
MINUS = '\N{MINUS SIGN}'
ABOUT = ('command', 'seed', 'data', 'hardware', 'date', 'commit', 'version')
MARKER = re.compile(
    r'^<!-- results: (?P<file>[\w.]+)#(?P<table>[\w-]+)'
    r'(?: where (?P<where>.*?))?(?: columns (?P<columns>.*?))? -->$'
)
REFERENCE = re.compile(
    r'\{(?P<file>[\w.]+)#(?P<table>[\w-]+)\[(?P<where>[^\]]*)\]'
    r'\[(?P<heading>[^\]]*)\]\}'
)


def pages(root: Path = ROOT) -> list[Path]:
    """README and every page that may hold results."""
    return [
        root / 'README.md',
        *sorted((root / 'docs').glob('*.md')),
        *sorted((root / 'configs').glob('*/README.md')),
    ]


def read_results(path: Path) -> dict[str, Any]:
    """A file of results.

    Raises:
        ValueError: If it does not say how the results were made, or a row
            has another number of cells than there are columns.
    """
    found = json.loads(path.read_text('utf-8'))
    if missing := set(ABOUT) - found.get('about', {}).keys():
        raise ValueError(f'{path}: about lacks {sorted(missing)}.')
    for name, table in found['tables'].items():
        for row in table['rows']:
            if len(row) != len(table['columns']):
                raise ValueError(
                    f'{path}: table {name!r} has {len(table["columns"])} '
                    f'columns, but a row has {len(row)} cells: {row}.'
                )
    return found


def write_results(
    path: Path,
    about: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    quoted: Mapping[str, Any] | None = None,
) -> None:
    """Write a file of results; date, commit and version are added.

    Args:
        path: File in ``docs/results``.
        about: The rest of :data:`ABOUT`; ``command`` is how this program
            was called if it is not said.
        tables: By name, with ``columns``, ``rows`` and what else the
            module describes.
        quoted: Numbers that the text of a page quotes, by what they are.
    """
    commit = subprocess.run(
        ['git', 'rev-parse', '--short', 'HEAD'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.strip()
    made = dict(
        command=shlex.join(['python', *sys.argv]),
        date=date.today().isoformat(),
        commit=commit,
        version=__version__,
    )
    content = dict(about={**made, **about}, tables=tables, quoted=quoted or {})
    write_whole(path, _one_row_a_line(content))
    read_results(path)


def _one_row_a_line(content: Any) -> str:
    """JSON in which a list without dicts in it is one line."""
    rows: list[str] = []

    def short(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: short(value) for key, value in node.items()}
        if isinstance(node, list):
            if any(isinstance(item, (list, dict)) for item in node):
                return [short(item) for item in node]
            rows.append(json.dumps(node, ensure_ascii=False))
            return f'\0{len(rows) - 1}\0'
        return node

    text = json.dumps(short(content), ensure_ascii=False, indent=1)
    lines = re.sub(r'"\\u0000(\d+)\\u0000"', lambda m: rows[int(m[1])], text)
    return f'{lines}\n'


def cell(value: Any, digits: int | str | None, bold: bool = False) -> str:
    """A value as a page shows it.

    >>> cell(0.86806, 3), cell(0.0557, 'seconds'), cell(2.063, 'seconds')
    ('0.868', '0.0557', '2.06')
    >>> cell(None, 3), cell('0.6-0.7', 3), cell(1242, 0, bold=True)
    ('', '0.6-0.7', '**1,242**')
    """
    if value is None:
        return ''
    if isinstance(value, str) or digits is None:
        text = str(value)
    elif digits == 'seconds':
        text = f'{value:.4f}' if abs(value) < 0.1 else f'{value:.2f}'
    else:
        text = f'{value:,.{digits}f}'.replace('-', MINUS)
    return f'**{text}**' if bold else text


def shown(table: Mapping[str, Any], where: str, columns: str) -> list[str]:
    """Lines of a table in Markdown.

    Args:
        table: Of a file of results.
        where: ``heading=value`` pairs, separated by semicolons; of several
            values of one heading (``5|1``), any.
        columns: Headings to keep, in this order, separated by semicolons.

    Raises:
        ValueError: If a heading is unknown, or no row is left.
    """
    headings = table['columns']
    kept = [
        _find(h.strip(), headings) for h in columns.split(';') if h.strip()
    ] or list(range(len(headings)))
    rows = _texts(table, where)
    lines = [[headings[i] for i in kept], ['---'] * len(kept)]
    lines += [[row[i] for i in kept] for row in rows]
    return ['| ' + ' | '.join(line) + ' |' for line in lines]


def _find(heading: str, headings: list[str]) -> int:
    if heading not in headings:
        raise ValueError(f'no column {heading!r}; known: {headings}')
    return headings.index(heading)


def _texts(table: Mapping[str, Any], where: str) -> list[list[str]]:
    """Cells as they are shown, of the rows that are asked for."""
    headings = table['columns']
    digits = table.get('digits') or [None] * len(headings)
    bold = table.get('bold', ())
    rows = [
        [cell(v, d, h in bold) for v, d, h in zip(row, digits, headings)]
        for row in table['rows']
    ]
    for condition in where.split(';') if where else ():
        heading, _, values = condition.partition('=')
        at = _find(heading.strip(), headings)
        rows = [r for r in rows if r[at].strip('*') in values.split('|')]
    if not rows:
        raise ValueError(f'no row has {where}')
    return rows


def _filled(text: str, results: Mapping[str, Mapping]) -> str:
    """A text with the cells of other tables that it refers to."""

    def value(match: re.Match) -> str:
        file, name, where, heading = match.groups()
        table = results[file]['tables'][name]
        rows = _texts(table, where)
        if len(rows) != 1:
            raise ValueError(f'{match[0]}: {len(rows)} rows have {where}')
        return rows[0][_find(heading, table['columns'])].strip('*')

    return REFERENCE.sub(value, text)


def updated(text: str, results: Mapping[str, Mapping]) -> str:
    """A page with its tables as they should be.

    Raises:
        ValueError: If a marker names what there is not.
    """
    return '\n'.join(_updated(text.split('\n'), results))


def _updated(lines: list[str], results: Mapping[str, Mapping]) -> Iterator:
    old = False
    for line in lines:
        if old and line.startswith('|'):
            continue
        old = False
        yield line
        if line.startswith('<!-- results:'):
            match = MARKER.match(line)
            if match is None:
                raise ValueError(f'cannot be read: {line}')
            file, name = match['file'], match['table']
            if name not in results.get(file, {}).get('tables', {}):
                raise ValueError(f'there is no table {file}#{name}')
            try:
                table = results[file]['tables'][name]
                asked = match['where'] or '', match['columns'] or ''
                for row in shown(table, *asked):
                    yield _filled(row, results)
            except (KeyError, ValueError) as error:
                raise ValueError(f'{line}: {error}') from None
            old = True


def all_results(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Every file of results, by its name."""
    folder = root / 'docs/results'
    return {p.name: read_results(p) for p in sorted(folder.glob('*.json'))}


def main() -> int:
    """Write or check all pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args()
    results = all_results()
    differ = []
    for page in pages():
        text = page.read_text('utf-8')
        new = updated(text, results)
        if new != text:
            differ.append(page)
            if not args.check:
                page.write_text(new, 'utf-8')
    verb = 'differs from docs/results' if args.check else 'written'
    for page in differ:
        print(f'{page.relative_to(ROOT)}: {verb}')
    return 1 if args.check and differ else 0


if __name__ == '__main__':
    sys.exit(main())
