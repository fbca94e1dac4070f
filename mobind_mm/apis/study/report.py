"""The result of a study as a table, and as one page with pictures."""

from __future__ import annotations

import base64
import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ...utils.files import replacing, write_whole
from ...visualization.figures import to_image, write_image
from ...visualization.sync_pictures import draw_study
from ..synchronizing import signed
from .matching import COLUMNS, Study

_DIGITS = {
    'confidence': 3,
    'offset_s': 4,
    'at_video_s': 3,
    'drift_ppm': 1,
    'offset_confidence': 3,
}
_TITLES = {
    'offset_s': 'offset (s)',
    'at_video_s': 'at video time (s)',
    'drift_ppm': 'drift (ppm)',
    'folder': 'picture',
}
_STYLE = """
body {font: 14px/1.45 system-ui, sans-serif; color: #22262b; margin: 1em;}
table {border-collapse: collapse;}
th, td {padding: .35em .6em; border-bottom: 1px solid #e6e8eb;
        text-align: left; vertical-align: top;}
td.number {text-align: right; font-variant-numeric: tabular-nums;}
tr.sure td:first-child {color: #009e73;}
tr.doubtful td:first-child {color: #d55e00; font-weight: bold;}
td.person {white-space: nowrap;}
td img {width: 100%; min-width: 14em; max-width: 26em;}
"""


def write_report(study: Study, out: str | Path) -> list[Path]:
    """Write ``study.csv``, ``study.png`` and ``study.html``.

    Pictures of pairs are below ``out``. Returns the files.
    """
    out = Path(out)
    files = [out / f'study.{kind}' for kind in ('csv', 'png', 'html')]
    with (
        replacing(files[0]) as path,
        path.open('w', encoding='utf-8', newline='') as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
        writer.writeheader()
        writer.writerows(
            {key: _text(key, value) for key, value in row.items()}
            for row in study.rows
        )
    usable = [
        [p.name for p in side if not p.problem]
        for side in (study.recordings, study.videos)
    ]
    pairs = [
        (usable[0].index(row['recording']), usable[1].index(row['video']))
        for row in study.rows
        if row['recording'] and row['video']
    ]
    figure = draw_study(study.probability, usable[0], usable[1], pairs)
    write_image(files[1], to_image(figure))
    write_whole(files[2], '\n'.join(_page(study, out)))
    return files


def describe_study(study: Study) -> Iterator[str]:
    """The result in words, one fact per line."""
    for row in study.rows:
        names = [str(row[key]) for key in ('recording', 'video') if row[key]]
        line = f'{row["state"]}: {" - ".join(names)}'
        if row['person']:
            line += f', {row["person"]}'
        if row['confidence'] is not None:
            line += f' (probability {row["confidence"]:.3f})'
        if row['offset_s'] is not None:
            line += (
                f': sensor time = video time {signed(row["offset_s"])} s '
                f'(confidence {row["offset_confidence"]:.3f})'
            )
        yield line + (f': {row["reason"]}' if row['reason'] else '')
    yield summary(study)


def summary(study: Study) -> str:
    """How many of what, in one line."""
    states = Counter(row['state'] for row in study.rows)
    counted = ', '.join(
        f'{states[state]} {name}'
        for state, name in (
            ('sure', 'sure pairs'),
            ('doubtful', 'doubtful'),
            ('left over', 'left over'),
        )
    )
    return (
        f'{len(study.recordings)} recordings, {len(study.videos)} videos: '
        + counted
    )


def _page(study: Study, out: Path) -> Iterator[str]:
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield f'<title>Study</title><style>{_STYLE}</style></head><body>'
    yield f'<h1>{escape(summary(study))}</h1>'
    yield f'<p>{_image(out / "study.png", "probabilities of all pairs")}</p>'
    heads = [_TITLES.get(k, k.replace('_', ' ')) for k in COLUMNS]
    yield f'<table><tr>{"".join(f"<th>{h}</th>" for h in heads)}</tr>'
    for row in study.rows:
        cells = ''.join(_cells(row, out))
        yield f'<tr class="{row["state"].split()[0]}">{cells}</tr>'
    yield '</table>'
    others = [p.name for p in study.others if not p.problem]
    yield from _list('Neither sensors nor people', others)
    yield from _list('Notes', list(dict.fromkeys(study.notes)))
    yield '</body></html>'


def _cells(row: Mapping[str, Any], out: Path) -> Iterator[str]:
    for key in COLUMNS:
        if key == 'folder':
            picture = out / str(row[key]) / 'sync_curve.png'
            shown = _image(picture, 'sync curve') if row[key] else ''
            yield f'<td>{shown}</td>'
            continue
        kind = 'number' if key in _DIGITS else key
        yield f'<td class="{kind}">{escape(_text(key, row[key]))}</td>'


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        items = ''.join(f'<li>{escape(line)}</li>' for line in lines)
        yield f'<h2>{title}</h2><ul>{items}</ul>'


def _image(path: Path, text: str) -> str:
    """A picture within the page."""
    if not path.is_file():
        return ''
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{text}">'


def _text(key: str, value: Any) -> str:
    if value is None:
        return ''
    return f'{value:.{_DIGITS[key]}f}' if key in _DIGITS else str(value)
