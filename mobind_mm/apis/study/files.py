"""The files of a study: which are of sensors, which of videos."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...checks.guessing import guess_mapping
from ...checks.inspection import what_it_holds
from ...checks.plausibility import settle_inputs
from ...readers import FileReader, recognize
from ...readers.archives import only_folder
from ...readers.arrays import ARRAYS
from ...readers.convert import fingerprint
from ...readers.files import Video, load_people, read_video_facts
from ...readers.keys import read_yaml
from ...readers.pose_frames import VIDEOS
from ...readers.sensors import read_imu_file
from ...recordings import PoseStream, SensorStream
from ...utils.errors import READ_ERRORS, mistake, printable
from ...utils.files import is_special, leads_back

COLUMNS = ('recording', 'video', 'known', 'placement', 'mapping', 'fps')
"""Columns of a table that names the files; the first two are needed."""
_YES = ('yes', 'y', 'true', '1')
_NOTHING = (
    *('.txt', '.md', '.pdf', '.png', '.jpg', '.html', '.log', '.py', '.pt'),
)
"""Files of which nobody expects sensors or people, if no reader does."""


@dataclass(frozen=True)
class Options:
    """What the user says about all files.

    Args:
        placement: Where the sensors are worn, as ``--placement``.
        mapping: YAML of the columns of tables.
        rate: Frames per second.
        img_shape: (height, width) in pixels.
        layout: Skeleton layout.
        estimator: Pose estimator, for videos without poses.
        check: Whether to look for mistakes in the files.
    """

    placement: Any = None
    mapping: str | None = None
    rate: float | None = None
    img_shape: tuple[int, int] | None = None
    layout: str | None = None
    estimator: str | None = None
    check: bool = True


@dataclass(frozen=True)
class Source:
    """A file or folder that may hold sensors or people.

    Args:
        name: What it is called in results.
        path: The file or folder.
        side: ``imu`` or ``pose``, if the user says; else ``''``.
        video: Video file of a file of poses, if it is beside it.
        options: What the user says.
    """

    name: str
    path: Path
    side: str = ''
    video: Path | None = None
    options: Options = field(default_factory=Options)

    @property
    def slug(self) -> str:
        """A name for files of results.

        A recording and a video may have the same name in two folders.
        """
        named = f'{self.side}{self.name}'.encode()
        digest = hashlib.sha256(named).hexdigest()[:6]
        return f'{re.sub(r"[^A-Za-z0-9.-]+", "_", self.name)[-60:]}-{digest}'

    def made_of(self) -> str:
        """Digest of all that a result depends on."""
        files = [self.path]
        if self.path.is_dir() and recognize(only_folder(self.path)):
            files = [p for p in sorted(self.path.rglob('*')) if p.is_file()]
        elif self.path.suffix.lower() in ('.yml', '.yaml'):
            files += named_files(self.path)
        files += [self.video] if self.video else []
        mapping = self.options.mapping
        files += [Path(mapping)] if mapping else []
        state = [
            fingerprint(file for file in files if file.exists()),
            self.side,
            asdict(self.options),
        ]
        text = json.dumps(state, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def read(self) -> Content:
        """Read it.

        Raises:
            ImportError: If a package is missing; says how to install it.
            ValueError: Naming the file, the place, the value and the fix.
        """
        content = _read(self)
        if self.side and content.side and content.side != self.side:
            what = {'imu': 'sensors', 'pose': 'people'}
            raise mistake(
                self.path,
                f'holds {what[content.side]}, not {what[self.side]}',
                'Move it to the other folder or column',
            )
        if not self.options.check:
            return content
        imu, _ = settle_inputs(content.imu) if content.imu else ({}, None)
        people = {
            name: settle_inputs({}, pose)[1] or pose
            for name, pose in content.people.items()
        }
        return replace(content, imu=imu, people=people)


@dataclass(frozen=True)
class Content:
    """Sensors by placement, or people by name; neither of other files."""

    imu: Mapping[str, SensorStream] = field(default_factory=dict)
    people: Mapping[str, PoseStream] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def side(self) -> str:
        """``imu``, ``pose`` or ``''``."""
        return 'imu' if self.imu else 'pose' if self.people else ''


def find_sources(
    root: str | Path,
    options: Options,
    side: str = '',
    skip: Iterable[Path] = (),
) -> list[Source]:
    """Files and folders below a folder that may take part.

    A folder that a reader knows as the export of a device or of a pose tool is
    one source. A YAML that names its tables stands for them; one with the name
    of a table describes it. A video is named by its poses, where they lie
    beside it. ``side`` is ``imu`` or ``pose``, if all are; else ``''``.

    Raises:
        FileNotFoundError: If there is no such folder.
        NotADirectoryError: If it is a file.
        ValueError: If it is to be skipped itself.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f'{root} does not exist; check the path.')
    if not root.is_dir():
        raise NotADirectoryError(f'{root} is a file; give a folder.')
    skipped = {Path(path).resolve() for path in skip}
    if skipped & {root.resolve(), *root.resolve().parents}:
        raise ValueError(
            f'{root} is the folder of the results, or in it; give another '
            '--out-dir.'
        )
    return [
        replace(source, name=printable(str(source.path.relative_to(root))))
        for source in _below(root, options, skipped)
        if not source.side or not side or source.side == side
        for source in [replace(source, side=side)]
    ]


def _below(
    folder: Path, options: Options, skipped: set[Path]
) -> Iterator[Source]:
    inside = sorted(
        p
        for p in folder.iterdir()
        if p.name[0] not in '._' and not is_special(p) and not leads_back(p)
    )
    files = [p for p in inside if p.is_file()]
    mappings = [p for p in files if p.suffix.lower() in ('.yml', '.yaml')]
    named = {p.resolve() for m in mappings for p in named_files(m)}
    described = {m.stem: m for m in mappings if not named_files(m)}
    videos = [p for p in files if p.suffix.lower() in VIDEOS]
    for path in inside:
        results = (path / name for name in ('signals', 'streams'))
        if path.resolve() in skipped | named or all(
            folder.is_dir() for folder in results
        ):  # of another study
            continue
        if path.is_dir():
            kind = recognize(path)
            if kind is not None and issubclass(kind, FileReader):
                yield Source('', path, video=_beside(path, videos))
            else:
                yield from _below(path, options, skipped)
            continue
        given = options
        if path in mappings:
            if path.stem in described:
                continue
        elif path in videos:
            if any(_beside(p, videos) == path for p in inside if p != path):
                continue
        elif path.stem in described:
            given = replace(options, mapping=str(described[path.stem]))
        video = None if path in videos else _beside(path, videos)
        yield Source('', path, video=video, options=given)


def _beside(path: Path, videos: Iterable[Path]) -> Path | None:
    """The video that poses are of, by its name."""
    if path.suffix.lower() in ('.yml', '.yaml'):
        return None
    for video in videos:
        rest = path.name.removeprefix(video.stem)
        if path != video and rest != path.name and rest[:1] in ('.', '_', ''):
            return video
    return None


def named_files(mapping: Path) -> list[Path]:
    """Files that a YAML mapping names, relative to itself."""
    try:
        content = read_yaml(mapping)
    except READ_ERRORS:
        return []

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            name = value.get('file')
            if isinstance(name, str) and name.isprintable():
                yield name
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    return [mapping.parent / name for name in dict.fromkeys(walk(content))]


def read_study_table(
    path: str | Path, options: Options
) -> tuple[list[Source], list[tuple[str, str]]]:
    """Sources that a table names, and pairs that are known.

    The columns ``recording`` and ``video`` name files relative to the
    table; a line need not have both. With ``known: yes``, those of a line
    belong together. ``placement``, ``mapping`` and ``fps`` describe them.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming row, column and value.
    """
    path = Path(path)
    names, lines = _read_cells(path)
    _check_columns(path, names)
    sources: dict[str, Source] = {}
    known = []
    for row, line in lines:
        given = _row_options(path, row, line, options)
        for column, side in (('recording', 'imu'), ('video', 'pose')):
            if name := line[column]:
                new = Source(name, path.parent / name, side, None, given)
                if sources.setdefault(name, new).side != side:
                    what = 'this file is a recording and a video'
                    raise mistake(path, what, row=row, value=name)
        if line.get('known', '').lower() in _YES:
            if not (line['recording'] and line['video']):
                what = 'known, but a recording or video is missing'
                raise mistake(path, what, row=row)
            known.append((line['recording'], line['video']))
    return list(sources.values()), known


def _check_columns(path: Path, names: list[str]) -> None:
    """Refuse a table without the columns of files, or with unknown ones."""
    for column in COLUMNS[:2]:
        if column not in names:
            raise mistake(
                path,
                f'has no column {column!r}',
                f'The columns are {", ".join(COLUMNS)}',
            )
    for column in names:
        if column not in COLUMNS:
            raise mistake(
                path,
                'has a column that is not known',
                value=column,
                name=column,
                known=COLUMNS,
            )


def _row_options(
    path: Path, row: int, line: Mapping[str, str], options: Options
) -> Options:
    """What a row says about its files, which must exist."""
    if line.get('placement'):
        options = replace(options, placement=line['placement'])
    if line.get('mapping'):
        options = replace(options, mapping=str(path.parent / line['mapping']))
    if line.get('fps'):
        options = replace(options, rate=_number(path, row, line['fps']))
    for column in ('recording', 'video', 'mapping'):
        name = line.get(column)
        # False for what cannot be a path, too.
        if name and not os.path.exists(path.parent / name):
            raise mistake(
                path,
                'is a file that does not exist',
                row=row,
                column=column,
                value=name,
                kind=FileNotFoundError,
            )
    return options


def _read_cells(
    path: Path,
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Names of the columns, and the cells of each row with its number."""
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, row) for row in reader if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise mistake(path, f'is not a table in UTF-8 ({error})') from None
    if not names:
        raise mistake(path, 'is empty', 'Name files in it')
    if twice := {name for name in names if names.count(name) > 1}:
        raise mistake(path, 'has a column twice', value=min(twice))
    lines = []
    for number, row in rows:
        if any(row[len(names) :]):
            raise mistake(
                path,
                f'has more cells than the {len(names)} columns',
                'Put names with a comma in quotes',
                row=number,
            )
        cells = dict.fromkeys(names, '')
        cells.update(zip(names, (cell.strip() for cell in row)))
        lines.append((number, cells))
    return names, lines


def _number(path: Path, row: int, text: str) -> float:
    with suppress(ValueError):
        if 0.01 <= float(text) <= 100_000:
            return float(text)
    raise mistake(
        path,
        'is not a number from 0.01 to 100000',
        row=row,
        column='fps',
        value=text,
    )


def _read(source: Source) -> Content:
    path, options = source.path, source.options
    suffix = path.suffix.lower()
    video = Video(options.rate, options.img_shape, options.layout)
    if suffix in VIDEOS:
        from ..pose_extraction import pose_of_video

        poses = pose_of_video(path, options.estimator, False)
        return _people(poses, replace(video, clip=read_video_facts(path)))
    if source.video is not None:
        video = replace(video, clip=read_video_facts(source.video))
    placement = options.placement
    if suffix in ('.yml', '.yaml') or (options.mapping and path.is_file()):
        kind = None if suffix in ('.yml', '.yaml') else recognize(path)
        if kind is None or kind.name == 'table':
            return Content(read_imu_file(path, options.mapping, placement))
    kind = recognize(path)
    if kind is not None and kind.name == 'video':
        return Content()
    if kind is None or kind.name == 'table':
        if suffix in _NOTHING:
            return Content()
        return _table(path, placement)
    if not issubclass(kind, FileReader):
        return Content()
    _, people = what_it_holds(path, kind)
    if people:
        try:
            return _people(path, video)
        except ValueError:  # arrays may be of anything
            content = _table(path, placement) if suffix in ARRAYS else None
            if content is None or not content.imu:
                raise
            return content
    # Also what holds neither: the reader says what is wrong with it.
    return Content(read_imu_file(path, None, placement))


def _people(path: Path, video: Video) -> Content:
    return Content(people=load_people(path, video))


def _table(path: Path, placement: Any) -> Content:
    """A table with our names of columns, or one whose columns are guessed."""
    try:
        return Content(read_imu_file(path, None, placement))
    except READ_ERRORS:
        guess = guess_mapping(path)
        if guess is None or not {'placement', 'imu'} & {*guess.mapping}:
            return Content()
        notes = tuple(
            f'{path}: guess: {k}: {why}' for k, why in guess.reasons.items()
        )
        streams = read_imu_file(path, guess.mapping, placement)
        return Content(streams, notes=notes)
