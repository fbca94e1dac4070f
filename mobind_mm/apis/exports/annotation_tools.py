"""Projects of annotation tools: ELAN and Label Studio."""

from __future__ import annotations

import mimetypes
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ...utils.files import write_whole
from ...utils.results import write_json
from .aligned import Aligned, unit_of, write_table

_EAF = 'http://www.mpi.nl/tools/elan/EAFv3.0.xsd'
_SCHEMA = '{http://www.w3.org/2001/XMLSchema-instance}'
_CSV_READER = 'mpi.eudico.client.annotator.timeseries.csv.CSVServiceProvider'
_AXIS_COLOURS = {'x': '#d55e00', 'y': '#009e73', 'z': '#0072b2'}
"""One colour per axis; w is grey."""
_GREY = '#8a8f98'
_TYPE = 'gaps'


def write_elan(
    aligned: Aligned, video: Path | None, out: Path, portable: bool = False
) -> list[Path]:
    """Write an ELAN project: video, linked time series, a tier of gaps.

    Without ``video`` it is left to be chosen in ELAN. ``portable`` links the
    files by name alone, for projects that are going to be moved with their
    video beside them.

    Returns:
        The ``.eaf``, the table that it links, and ``_tsconf.xml``, which
        says what its columns are.
    """
    stem = video.stem if video else 'sensors'
    project = out / f'{stem}.eaf'
    table, tracks = out / f'{stem}_sensors.csv', out / f'{stem}_tsconf.xml'
    # ELAN reads an empty cell at the end of a line as 0, but knows NaN.
    write_table(aligned.table(), table, missing='NaN')
    _write_xml(tracks, _time_series(aligned, _url(table, portable)))
    _write_xml(project, _document(aligned, video, [table, tracks], portable))
    return [project, table, tracks]


def _document(
    aligned: Aligned, video: Path | None, linked: list[Path], portable: bool
) -> ElementTree.Element:
    """The annotation document, in the order of the schema."""
    now = datetime.now(timezone.utc).isoformat(timespec='seconds')
    root = ElementTree.Element(
        'ANNOTATION_DOCUMENT',
        {
            'AUTHOR': 'mobind_mm',
            'DATE': now,
            'FORMAT': '3.0',
            'VERSION': '3.0',
            f'{_SCHEMA}noNamespaceSchemaLocation': _EAF,
        },
    )
    header = _add(root, 'HEADER', MEDIA_FILE='', TIME_UNITS='milliseconds')
    folder = linked[0].parent
    if video is not None:
        kind = mimetypes.guess_type(video.name)[0] or 'video/mp4'
        _add(
            header,
            'MEDIA_DESCRIPTOR',
            MEDIA_URL=_url(video, portable),
            MIME_TYPE=kind,
            RELATIVE_MEDIA_URL=_relative(video, folder, portable),
        )
    for file in linked:
        kind = 'text/xml' if file.suffix == '.xml' else 'unknown'
        _add(
            header,
            'LINKED_FILE_DESCRIPTOR',
            LINK_URL=_url(file, portable),
            MIME_TYPE=kind,
            RELATIVE_LINK_URL=_relative(file, folder, portable),
        )
    used = ElementTree.Element('PROPERTY', NAME='lastUsedAnnotationId')
    used.text = str(_add_gaps(root, aligned))
    header.append(used)
    _add(
        root,
        'LINGUISTIC_TYPE',
        LINGUISTIC_TYPE_ID=_TYPE,
        TIME_ALIGNABLE='true',
        GRAPHIC_REFERENCES='false',
    )
    return root


def _add_gaps(root: ElementTree.Element, aligned: Aligned) -> int:
    """Add a tier of the gaps of each sensor; returns how many there are."""
    order = _add(root, 'TIME_ORDER')
    count = 0
    for sensor in aligned.imu:
        tier = _add(
            root,
            'TIER',
            TIER_ID=f'no data: {sensor}',
            LINGUISTIC_TYPE_REF=_TYPE,
        )
        for gap in (g for g in aligned.gaps if g.sensor == sensor):
            count += 1
            slots = (gap.start, gap.end + 1 / aligned.rate)
            names = [f'ts{2 * count - 1}', f'ts{2 * count}']
            for name, time in zip(names, slots):
                value = str(round(1000 * max(time, 0.0)))
                _add(order, 'TIME_SLOT', TIME_SLOT_ID=name, TIME_VALUE=value)
            annotation = _add(
                _add(tier, 'ANNOTATION'),
                'ALIGNABLE_ANNOTATION',
                ANNOTATION_ID=f'a{count}',
                TIME_SLOT_REF1=names[0],
                TIME_SLOT_REF2=names[1],
            )
            _add(annotation, 'ANNOTATION_VALUE').text = gap.why
    return count


def _time_series(aligned: Aligned, table: str) -> ElementTree.Element:
    """What the columns of the linked table are."""
    now = datetime.now(timezone.utc).isoformat(timespec='seconds')
    root = ElementTree.Element('timeseries', {'date': now, 'version': '1.0'})
    columns = aligned.table()
    source = ElementTree.SubElement(
        root,
        'tracksource',
        {
            'sample-type': 'Discontinuous Rate',
            'source-url': table,
            'time-column': str(columns.columns.get_loc('time')),
        },
    )
    _add(source, 'property', key='provider', value=_CSV_READER)
    for at, (name, values) in enumerate(columns.items()):
        if name in ('frame', 'time'):
            continue
        known = values[np.isfinite(values)]
        low, high = (known.min(), known.max()) if len(known) else (0, 1)
        track = _add(source, 'track', name=str(name), derivative='0')
        _add(track, 'property', key='detect-range', value='false')
        place = _add(track, 'sample-position')
        _add(place, 'pos', row='0', col=str(at))
        _add(track, 'description')
        _add(track, 'units').text = unit_of(str(name))
        _add(track, 'range', min=f'{low:.3f}', max=f'{high:.3f}')
        colour = _colour(str(name))
        parts = (str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        _add(track, 'color').text = ','.join(parts)
    return root


def write_label_studio(
    aligned: Aligned, video: Path | None, out: Path
) -> list[Path]:
    """Write a task and a labeling configuration for Label Studio.

    The time series are in the task; their first time is that of the first
    frame, so that the player keeps both in step. Without ``video`` there is no
    player. Returns ``label_studio.json`` to import and ``label_studio.xml`` to
    paste.
    """
    table = aligned.table().drop(columns='frame')
    series: dict[str, Any] = {
        str(name): np.round(values.to_numpy(), 6)
        for name, values in table.items()
    }
    data: dict[str, Any] = {'sensors': series, 'notes': list(aligned.notes)}
    view = ElementTree.Element('View')
    if video is not None:
        data['video'] = f'/data/local-files/?d={video.name}'
        _add(
            view,
            'Video',
            name='video',
            value='$video',
            sync='clock',
            frameRate=f'{aligned.rate:.6g}',
        )
    labels = _add(view, 'TimeSeriesLabels', name='label', toName='sensors')
    for name in ('activity', 'event'):
        _add(labels, 'Label', value=name)
    shown = _add(
        view,
        'TimeSeries',
        name='sensors',
        value='$sensors',
        valueType='json',
        timeColumn='time',
        timeDisplayFormat=',.3f',
        sync='clock',
    )
    for name in series:
        if name != 'time':
            _add(
                shown,
                'Channel',
                column=name,
                legend=name.replace('_', ' '),
                units=unit_of(name),
                displayFormat=',.2f',
                strokeColor=_colour(name),
            )
    task, config = out / 'label_studio.json', out / 'label_studio.xml'
    write_json(task, [{'data': data}])
    _write_xml(config, view, declaration=False)
    return [task, config]


def _add(
    parent: ElementTree.Element, tag: str, **attributes: str
) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _colour(column: str) -> str:
    return _AXIS_COLOURS.get(column.rpartition('_')[2], _GREY)


def _url(path: Path, portable: bool) -> str:
    return f'./{path.name}' if portable else path.resolve().as_uri()


def _relative(path: Path, folder: Path, portable: bool) -> str:
    if portable:
        return f'./{path.name}'
    try:
        relative = os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:  # another drive of Windows
        return path.resolve().as_uri()
    return Path(relative).as_posix()


def _write_xml(
    path: Path, root: ElementTree.Element, declaration: bool = True
) -> None:
    ElementTree.indent(root, '    ')
    text = ElementTree.tostring(
        root, 'utf-8', xml_declaration=declaration, short_empty_elements=True
    )
    write_whole(path, text + b'\n')
