"""Read the JSON files of pose tools: one list of people or of frames.

AlphaPose, COCO results, Ultralytics, MMPose 0.x, MediaPipe and OpenPose all
write the same things in different words: a frame, people in it, and points of
a person. :mod:`.pose_items`, :mod:`.pose_frames` and :mod:`.pose_people` know
the words; here, one class a tool says which file is whose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..skeleton import get_layout
from ..utils.errors import mistake, shown
from .base import register_reader
from .detections import Detections, Instances
from .headers import head
from .instance_batches import LOGIT_LIMIT
from .json_items import without_cycles
from .layout_choice import names_of
from .mmaction_skeletons import is_mmaction, is_pickle
from .people import PoseReader
from .pose_frames import Frames
from .pose_items import (
    BY_NUMBER,
    NUMPY,
    Items,
    arrays_of_points,
    cell_columns,
    starts_with_joint,
)
from .pose_people import (
    LOGIT_NOTE,
    LOGITS,
    POINTS,
    are_logits,
    few,
    has_layout,
    layout_of,
    people_of,
    points_of,
    space_of,
)
from .pose_video import Video, are_shares
from .trc import in_space

_NESTED = r'\A\s*[\[{](.|\n)*?"[^"]{0,60}\d"\s*:\s*[\[{]'
"""A dict of frames or people by their numbers."""
_WIDE = r'"[^"]{0,20}(?i:wrist|shoulder|hip)[^"]{0,12}[xX]"\s*[:,\]]'
"""A row of a table with a column per axis."""
_FIRST = 20
"""Items of a dict in which people are looked for."""
_FAR, _HIGHEST, _SHARES = 20.0, 255.0, 1.2
"""Metres of a room, the highest score of any tool, and of a share."""
_SAMPLE = 100
"""Items of the file that show what it holds."""


class PoseJSONReader(PoseReader):
    """Reads a JSON file of people.

    Attributes:
        marks: Regular expressions that the start of the file matches.
        guesses: Whether the number of keypoints alone says the layout, so
            that a note is due.
    """

    lists_all = False
    guesses: ClassVar[bool] = False
    marks: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the keys at the start of the file."""
        text = head(path)
        if text.lstrip()[:1] not in ('[', '{'):
            return False
        return all(re.search(mark, text) for mark in cls.marks)

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in the file, and what it says of its video."""
        frames = Frames(self.source, guesses=self.guesses)
        return read_people_json(frames, video, self.title)


@register_reader
class OpenPoseJSONReader(PoseJSONReader):
    """Reads frames of OpenPose that somebody merged into one file."""

    name = 'openpose_json'
    title = 'OpenPose'
    marks = (r'"pose_keypoints(_2d)?"\s*:',)

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in the file, which must not be of a single frame."""
        text = head(self.source)
        start = r'\s*\{\s*("version"\s*:\s*[\d.]+\s*,\s*)?"people"'
        if re.match(start, text) and text.count('"people"') == 1:
            raise mistake(
                self.source,
                'holds a single frame of OpenPose',
                f'Give the folder with all of them: {self.source.parent}',
            )
        return super().detect(video)


@register_reader
class AlphaPoseReader(PoseJSONReader):
    """Reads AlphaPose's and other COCO results: a list of people."""

    name = 'coco_results'
    title = 'AlphaPose or COCO results'
    marks = (r'"image_id"\s*:', r'"keypoints"\s*:\s*\[')


@register_reader
class UltralyticsReader(PoseJSONReader):
    """Reads results of Ultralytics' YOLO, as its ``tojson`` writes them."""

    name = 'ultralytics'
    title = 'Ultralytics'
    marks = (r'\\?"keypoints\\?"\s*:\s*\{\s*\\?"x\\?"',)


@register_reader
class MediaPipeJSONReader(PoseJSONReader):
    """Reads lists of MediaPipe's landmarks."""

    name = 'mediapipe_json'
    title = 'MediaPipe'
    marks = (r'"(visibility|landmarks|pose_?[lL]andmarks)"\s*:', r'"x"\s*:')


@register_reader
class EasyViTPoseReader(PoseJSONReader):
    """Reads easy_ViTPose's frames of people by number, y before x."""

    name = 'easy_vitpose'
    title = 'easy_ViTPose'
    guesses = True
    marks = (BY_NUMBER,)

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in the file."""
        detections, file_video = super().detect(video)
        note = f'{self.source}: points are y, x, as {self.title} writes them'
        return detections.noted(note), file_video


@register_reader
class PeopleJSONReader(PoseJSONReader):
    """Reads any other list of frames or people, such as MMPose's 0.x."""

    name = 'people_json'
    title = 'MMPose 0.x or alike'
    guesses = True
    marks = (
        rf'"({"|".join(POINTS)})"\s*(:\s*[\[{{]|[,\]])|\A\s*(\[\s*){{3,5}}-?\d'
        r'|\A\s*\{\s*"[^"]*\d[^"]*"\s*:\s*(\[\s*){2,3}-?\d'
        r'|"[A-Za-z_. ]*([Ss]houlder|SHOULDER|[Ww]rist|WRIST)[A-Za-z_. ]*"\s*:'
        r'\s*(\[\s*-?\d|\{\s*"[xy]")',
    )

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By its keys, or by people below keys that say nothing."""
        if super().recognizes(path):
            return True
        text = head(path)
        if not (
            re.search(_NESTED, text)
            or re.search(_WIDE, text)
            or starts_with_joint(text)
        ):
            return False
        some = islice(Items(path), _FIRST)
        try:
            return any(has_layout(p) for item in some for p in people_of(item))
        except ValueError:
            return True  # which reading says again


@register_reader
class COCOAnnotationsReader(PoseJSONReader):
    """Reads people on images that are listed apart, such as PoseTrack's."""

    name = 'coco_annotations'
    title = 'COCO annotations or PoseTrack'
    guesses = True
    marks = (r'\A\s*\{', r'"images"\s*:\s*\[')


@register_reader
class KeypointCellsReader(PoseJSONReader):
    """Reads a table with the keypoints of a person in a cell.

    Ultralytics' ``to_csv`` and data frames that people save are such.
    """

    name = 'keypoint_cells'
    title = 'Ultralytics or a data frame'
    guesses = True

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By a column of keypoints, and a list in the first row."""
        return bool(cell_columns(path))


@register_reader
class PosePickleReader(PoseJSONReader):
    """Reads pickles of people or frames, such as MMPose's ``--dump``."""

    name = 'pose_pickle'
    title = 'MMPose'
    guesses = True
    lists_all = True

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the keys of people, which MMAction2's pickles lack."""
        return is_pickle(path) and not is_mmaction(path)


@register_reader
class NumPyReader(PoseJSONReader):
    """Reads arrays (T, K, 2 or 3) or (T, N, K, 2 or 3) of NumPy.

    Those of ``.npz`` may have scores, and tell the frame rate, by names.
    """

    name = 'numpy'
    title = 'NumPy'
    guesses = True
    lists_all = True

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the shapes of its arrays."""
        suffix = path.suffix.lower()
        return suffix in NUMPY and bool(arrays_of_points(path))


@without_cycles()
def read_people_json(
    frames: Frames, video: Video, title: str = ''
) -> tuple[Detections, Video]:
    """Read the people of all frames.

    ``video`` gives ``layout`` and ``first_frame``. Returns everybody, and what
    the file says of its video.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file, place and value.
    """
    path = frames.path
    items = Items(path)
    sample = [*islice(items, _SAMPLE)]
    _refuse_space(sample, path)
    logits, layout = are_logits(sample), layout_of(sample)
    instances = Instances(partial(points_of, layout=layout), logits)
    for index, item in enumerate(items):
        frame = frames.add(index, item)
        where = f'{path}: item {index}'
        for number, person in enumerate(few(people_of(item), where)):
            instances.add(frame, person, f'{where}, person {number}')
    if instances.num_keypoints is None:
        fix = f'Export the result of {title or "the tool"} as JSON again'
        if re.search('"(pose_?)?world', head(path), re.IGNORECASE):
            fix = 'World landmarks are metres: write pose_landmarks, too'
        by_name = next(filter(None, map(_people_by_name, sample)), [])
        if by_name:
            raise mistake(
                path,
                f'holds people or views by name ({shown(by_name, 5)})',
                'Write numbers of people; give each view a file of its own',
            )
        raise mistake(path, 'holds no keypoints of people', fix)
    names = [*get_layout(layout)] if layout else names_of(items.others)
    detections, file_video = frames.detections(
        instances, video, items.others, names
    )
    notes = [*items.notes, *([LOGIT_NOTE] if logits else [])]
    if frames.guesses and not re.search(r'"x\\?"', head(path)):
        detections = _x_first(detections, path)
    return detections.noted(*(f'{path}: {note}' for note in notes)), file_video


def _people_by_name(item: Any) -> list[str]:
    """Keys of an item that hold people, but are no numbers."""
    value = item[1] if isinstance(item, tuple) else item
    pairs = value.items() if isinstance(value, Mapping) else ()
    return [k for k, v in pairs if any(map(has_layout, people_of(v)))]


def _refuse_space(sample: list, path: str | Path) -> None:
    """Refuse points in space, whose z is no score."""
    space, rows = space_of(sample)
    flat = in_space(space) if space else False
    known = rows[np.isfinite(rows).all(axis=1)]
    if len(known):
        plane, third = known[:, :2], known[:, 2]
        shares = plane.min() >= 0 and plane.max() < _SHARES
        small = not shares and np.quantile(np.abs(plane), 0.95) < _FAR
        scores = ((third >= 0) & (third <= 1)) | (third == -1)
        metres = small and scores.mean() < 1 - scores.mean()
        beyond = (third < -LOGIT_LIMIT) | (third > _HIGHEST)
        flat |= bool(metres or beyond.mean() > LOGITS)
    if flat:
        raise mistake(
            path,
            'holds points in space (x, y, z), not in the image',
            'Give points in the image; or write a TRC file, or a table with '
            'columns such as left_wrist_x, left_wrist_y and left_wrist_z, '
            'which are drawn from the side',
        )


def _x_first(detections: Detections, path: str | Path) -> Detections:
    """The people, whose points MoveNet writes as y, x in shares of the image.

    They are told from others by bodies that stand only if the coordinates
    change places.
    """
    points = detections.keypoints
    seen = points[detections.scores > 0]
    if points.shape[1] != 17 or not are_shares(seen):
        return detections
    shoulders, hips = points[:, 5:7], points[:, 11:13]
    x, y = np.median((hips - shoulders).reshape(-1, 2), axis=0)
    if x <= 2 * abs(y):
        return detections
    turned = replace(
        detections,
        keypoints=points[..., ::-1],
        boxes=detections.boxes[:, [1, 0, 3, 2]],
    )
    return turned.noted(
        f'{path}: points are taken for y, x, as MoveNet writes them: else '
        'nobody would stand'
    )
