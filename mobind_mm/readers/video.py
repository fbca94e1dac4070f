"""From a video to the file of its people: estimated once, then kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from ..skeleton import get_layout
from ..utils.errors import mistake
from ..utils.files import naming_full_disk, replacing
from ..utils.locks import lock
from ..utils.video import VideoFacts, read_frames, video_facts
from .base import register_reader
from .detections import Detections
from .estimators import PoseEstimator, make_estimator
from .estimators.base import DEFAULT
from .mmpose import MMPoseReader
from .people import PoseReader
from .pose_video import Video

SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')
"""What counts as a video in a directory."""

WHOLE = 0.95
"""Least share of the announced frames that a complete video has: containers
announce some that do not exist."""

_MAGIC = ((4, b'ftyp'), (0, b'\x1aE\xdf\xa3'), (8, b'AVI '), (0, b'\0\0\1'))
"""Bytes at an offset by which video files begin."""
_SAMPLE = 1 << 20
"""Bytes at both ends of a video by which it is known again."""
_SAVED_EVERY = 30
"""Frames after which a result is on the disk."""

Advance = Callable[[int, int], None]
"""Is told the frames that are done, and those of the video."""


def estimate_video(
    video: str | Path,
    path: str | Path,
    estimator: PoseEstimator,
    advance: Advance | None = None,
) -> int:
    """Estimate the people of all frames, and write them like MMPose.

    What is done is kept in a hidden file beside ``path`` until it is
    complete; an interrupted run continues from there.

    Args:
        video: Video file.
        path: JSON file to write: ``made_by`` (by which it is known whether
            it is up to date), ``instance_info`` and ``meta_info`` with the
            names of the keypoints, the estimator and its settings, and
            ``video``: ``name``, ``fps``, ``height``, ``width``,
            ``num_frames``, ``rotation``, and ``times`` where the frames are
            not evenly spaced.
        estimator: Pose estimator.
        advance: Is told the progress.

    Returns:
        Number of frames.

    Raises:
        ImportError: If the estimator is not installed; says how to.
        ValueError: If it cannot be read as a video, or ends early.
    """
    video, path = Path(video), Path(path)
    facts = video_facts(video)
    origin = _origin(video, estimator)
    part = path.with_name(f'.{path.name}.part')
    total = len(facts.times)
    estimator.load()
    path.parent.mkdir(parents=True, exist_ok=True)
    estimator.reset()
    with naming_full_disk(path), part.open('a+b') as file:
        try:
            lock(file)
        except BlockingIOError:
            raise mistake(
                video,
                'is being worked on by another process',
                'Wait until it has ended',
            ) from None
        done = _resume(file, origin)
        for index, image in read_frames(video, done):
            item = {'frame_id': index, 'instances': estimator.people(image)}
            _add_line(file, item)
            done = index + 1
            if done % _SAVED_EVERY == 0:
                file.flush()
            if advance is not None:
                advance(done, total)
        if whole := done >= WHOLE * total:
            file.flush()
            with replacing(path) as temporary, temporary.open('w') as out:
                meta = _meta(video, facts, done, estimator)
                written, crowded = _copy_frames(out, file, origin)
                lost = f'{total - written} of {total} frames cannot be decoded'
                several = (
                    f'{crowded} frames show several people; '
                    f'{estimator.caution}'
                )
                for applies, note in (
                    (written < total, lost),
                    (crowded and estimator.caution, several),
                ):
                    if applies:
                        meta['notes'].append(f'{video.name}: {note}')
                out.write(f'],\n"meta_info": {json.dumps(meta)}}}\n')
    part.unlink(missing_ok=True)
    if not whole:
        raise mistake(
            video,
            f'it ends after {done} of {total} frames',
            'Copy or encode it again',
        )
    return done


def _add_line(file: BinaryIO, item: Any) -> None:
    file.write(f'{json.dumps(item, default=_plain)}\n'.encode())


def _origin(video: Path, estimator: PoseEstimator) -> dict[str, Any]:
    """What a result is made from; another means that it is out of date."""
    size = video.stat().st_size
    digest = hashlib.sha256()
    with video.open('rb') as file:
        for start in (0, max(size - _SAMPLE, 0)):
            file.seek(start)
            digest.update(file.read(_SAMPLE))
    return {
        'estimator': estimator.name,
        'settings': dict(estimator.settings),
        'video': {'bytes': size, 'sha256_ends': digest.hexdigest()},
    }


def is_up_to_date(
    path: str | Path, video: str | Path, estimator: PoseEstimator
) -> bool:
    """Whether a JSON file is whole, of this video and this estimator."""
    try:
        with open(path, encoding='utf-8') as file:
            head = file.readline(1 << 20)
            file.seek(0, 2)
            file.seek(max(file.tell() - 4, 0))
            complete = file.read().rstrip().endswith('}}')
        made_by = json.loads(f'{head.rstrip().rstrip(",")}}}')['made_by']
    except (OSError, ValueError, KeyError, TypeError):
        return False
    origin = json.loads(json.dumps(_origin(Path(video), estimator)))
    return complete and made_by == origin


def _resume(file: BinaryIO, origin: Mapping[str, Any]) -> int:
    """Frames that are done; cuts off what is not whole, or of another run."""
    done = end = 0
    wanted = json.loads(json.dumps(origin))
    errors = ValueError, KeyError, TypeError
    file.seek(0)
    with suppress(*errors):
        if json.loads(file.readline()) == wanted:
            end = file.tell()
            for line in file:
                if not line.endswith(b'\n'):
                    break
                done = json.loads(line)['frame_id'] + 1
                end += len(line)
    file.truncate(end)
    if not end:
        _add_line(file, origin)
    return done


def _copy_frames(
    out: TextIO, file: BinaryIO, origin: Mapping[str, Any]
) -> tuple[int, int]:
    """Write the frames; returns their number, and of those with several."""
    number = crowded = 0
    out.write(f'{{"made_by": {json.dumps(origin)},\n"instance_info": [')
    file.seek(0)
    file.readline()
    for line in file:
        out.write(f'{"," if number else ""}\n{line.decode().rstrip()}')
        number += 1
        crowded += line.count(b'"keypoints"') > 1
    return number, crowded


def _meta(
    video: Path, facts: VideoFacts, done: int, estimator: PoseEstimator
) -> dict[str, Any]:
    names = get_layout(estimator.layout)
    height, width = facts.img_shape
    known: dict[str, Any] = {
        'name': video.name,
        'fps': facts.rate,
        'height': height,
        'width': width,
        'num_frames': done,
        'rotation': facts.rotation,
    }
    if not facts.constant:
        known['times'] = facts.times[:done].round(6).tolist()
    return {
        'dataset_name': estimator.layout,
        'keypoint_id2name': {str(i): n for i, n in enumerate(names)},
        'estimator': estimator.name,
        'settings': dict(estimator.settings),
        'notes': list(facts.notes),
        'video': known,
    }


def notes_of(path: str | Path) -> list[str]:
    """What :func:`estimate_video` noted in a file."""
    from .json_items import JSONItems

    items = JSONItems(path, 'instance_info')
    for _ in items:
        pass
    return list(items.others['meta_info']['notes'])


def _plain(value: Any) -> Any:
    """Arrays and numbers of NumPy, as JSON can hold them."""
    return value.tolist()


def pose_of_video(
    video: str | Path,
    estimator: str | PoseEstimator | None = None,
    out: str | Path | None = None,
    advance: Advance | None = None,
    force: bool = False,
) -> Path:
    """The file of the people in a video; estimated if it is not there yet.

    Args:
        video: Video file.
        estimator: A pose estimator or its name; None: ``mediapipe``.
        out: JSON file; None: beside the video, such as
            ``take.mediapipe.json``, or, where nothing can be written, in
            ``~/.cache/mobind_mm``.
        advance: Is told the progress.
        force: Estimate again even if the file is there.

    Returns:
        The JSON file, which every command takes as ``--pose``.

    Raises:
        FileNotFoundError: If there is no such video.
        ImportError: If the estimator is not installed; says how to.
        ValueError: If it cannot be read as a video.
    """
    video = Path(video)
    video_facts(video)  # before models are loaded
    if estimator is None or isinstance(estimator, str):
        estimator = make_estimator(estimator)
    path = Path(out) if out else _beside(video, estimator)
    if force or not is_up_to_date(path, video, estimator):
        estimate_video(video, path, estimator, advance)
    return path


def _beside(video: Path, estimator: PoseEstimator) -> Path:
    name = f'{video.stem}.{estimator.name}.json'
    path = video.with_name(name)
    if path.exists():
        return path
    try:
        probe = path.with_name(f'.{path.name}.part')
        probe.open('a').close()
        if not probe.stat().st_size:
            probe.unlink()
    except OSError:
        digest = _origin(video, estimator)['video']['sha256_ends'][:16]
        return Path.home() / f'.cache/mobind_mm/{digest}/{name}'
    return path


@register_reader
class VideoReader(PoseReader):
    """Estimates the people of a video file, once.

    Option ``estimator`` is its name; others are those of MMPose's files.
    """

    name = 'video'
    title = 'video'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the suffix and the first bytes."""
        if path.suffix.lower() not in SUFFIXES:
            return False
        try:
            with path.open('rb') as file:
                head = file.read(12)
        except OSError:
            return False
        return any(head[at : at + len(m)] == m for at, m in _MAGIC)

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody whom the estimator sees, and the facts of the video."""
        path = pose_of_video(
            self.source, self.options.get('estimator', DEFAULT)
        )
        return MMPoseReader(path).detect(video)
