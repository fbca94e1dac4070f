"""Run MMPose's own inferencer on videos, one JSON file each."""

from __future__ import annotations

import functools
import json
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import Progress

from ..readers.json_items import JSONItems
from ..utils.files import replacing

SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')
"""What counts as a video in a directory."""

INSTALL = (
    "pip install torchvision openmim 'setuptools<81' && mim install "
    'mmcv==2.1.0 mmdet==3.2.0 && pip install --no-deps mmpose==1.3.2 && pip '
    "install json_tricks munkres xtcocotools six 'numpy<2'"
)
"""For an environment without mmcv-lite."""

WHOLE = 0.95
"""Least share of the announced frames that a complete video has: containers
announce some that do not exist."""


@dataclass
class Extraction:
    """Result for each video.

    Args:
        written: JSON file to its number of frames.
        kept: JSON files that were there already.
        failed: Video to what is wrong with it.
    """

    written: dict[Path, int] = field(default_factory=dict)
    kept: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)


def extract_poses(
    videos: Sequence[str | Path],
    out: str | Path,
    pose2d: str = 'human',
    device: str | None = None,
    det_model: str | None = None,
    force: bool = False,
) -> Extraction:
    """Predict the people of every frame of videos.

    Writes ``<out>/<name of the video>.json``, a dict of ``instance_info``
    and ``meta_info``: the model's keypoint names, the model, and ``video``
    with name, fps, height, width and num_frames. A file that is complete,
    newer than its video and from the same models is kept. A video that
    cannot be read does not stop the others.

    Args:
        videos: Files, and directories whose videos are taken.
        out: Directory to write to.
        pose2d: Config or name of MMPose's model.
        device: Where it runs; None lets MMPose choose.
        det_model: Config or name of MMDetection's detector of people, or
            ``whole_image``; None takes MMPose's for that model.
        force: Predict again even if the file is there.

    Raises:
        FileNotFoundError: If a path does not exist or has no videos.
        ValueError: If two videos would write one file, or MMPose cannot
            build the models.
        ImportError: If MMPose is not installed; says how to.
    """
    models = {'pose2d': pose2d, 'det_model': det_model}
    result = Extraction()
    todo = []
    for video, path in _plan(videos, Path(out)).items():
        if not force and _is_done(path, video, models):
            result.kept.append(path)
        else:
            todo.append((video, path))
    if not todo:
        return result
    inferencer = _build(pose2d, det_model, device)
    meta = {**_keypoint_names(inferencer), 'models': models}
    with Progress(console=Console(stderr=True)) as progress:
        total = progress.add_task('Videos', total=len(todo))
        for video, path in todo:
            task = progress.add_task(video.name, total=None)
            advance = functools.partial(progress.advance, task)
            try:
                info = _open(video)
                progress.update(task, total=info['num_frames'] or None)
                frames = _predict(inferencer, video, advance)
                result.written[path] = _write(path, frames, meta, info)
            except Exception as error:  # MMPose and OpenCV raise many kinds
                result.failed[video] = _one_line(error)
            progress.remove_task(task)
            progress.advance(total)
    return result


def _plan(videos: Sequence[str | Path], out: Path) -> dict[Path, Path]:
    """JSON file of each video."""
    plan: dict[Path, Path] = {}
    for name in map(Path, videos):
        found = [name]
        if name.is_dir():
            found = sorted(
                p for p in name.iterdir() if p.suffix.lower() in SUFFIXES
            )
        if not found or not found[0].is_file():
            raise FileNotFoundError(
                f'{name}: no video there; expected a video, or a directory '
                f'of {" ".join(SUFFIXES)} files.'
            )
        plan.update({p: out / f'{p.stem}.json' for p in found})
    first: dict[Path, Path] = {}
    for video, path in plan.items():
        if path in first:
            raise ValueError(
                f'{video} and {first[path]} would both be written to '
                f'{path}; give them another --out.'
            )
        first[path] = video
    return plan


def _is_done(path: Path, video: Path, models: dict) -> bool:
    """Whether a JSON file is complete, of this video and these models."""
    if not path.is_file() or path.stat().st_mtime < video.stat().st_mtime:
        return False
    items = JSONItems(path, 'instance_info')
    try:
        num_frames = sum(1 for _ in items)
        meta = items.others['meta_info']
        same_video = meta['video']['num_frames'] == num_frames
        return same_video and meta['models'] == models
    except (KeyError, TypeError, ValueError):
        return False


def _build(pose2d: str, det_model: str | None, device: str | None) -> Any:
    """Make MMPose's inferencer."""
    how = f'In an environment without mmcv-lite: {INSTALL}'
    try:
        from mmpose.apis import MMPoseInferencer
    except Exception as error:  # wrong versions fail in many ways
        raise ImportError(
            f'MMPose cannot run here ({_one_line(error)}). {how}'
        ) from None
    try:
        return MMPoseInferencer(
            pose2d=pose2d, det_model=det_model, device=device
        )
    except Exception as error:
        reason = _one_line(error)
        if 'MMDetection' in reason or isinstance(error, ImportError):
            raise ImportError(
                f'MMPose lacks what {pose2d!r} needs ({reason}). {how}'
            ) from None
        raise ValueError(
            f'MMPose cannot build --pose2d {pose2d!r} with --det-model '
            f'{det_model!r} on --device {device!r}: {reason}.'
        ) from None


def _keypoint_names(inferencer: Any) -> dict:
    """What a reader needs to know the layout."""
    meta = inferencer.inferencer.model.dataset_meta
    names = meta['keypoint_id2name']
    return {
        'dataset_name': meta['dataset_name'],
        'keypoint_id2name': {str(i): names[i] for i in sorted(names)},
    }


def _open(video: Path) -> dict:
    """Facts about a video; its number of frames is what it announces."""
    import cv2

    if not (mimetypes.guess_type(video.name)[0] or '').startswith('video/'):
        mimetypes.add_type('video/x-other', video.suffix)  # MMPose asks it
    capture = cv2.VideoCapture(str(video))
    try:
        if not capture.isOpened():
            raise ValueError('OpenCV cannot open it as a video')
        return {
            'name': video.name,
            'fps': capture.get(cv2.CAP_PROP_FPS),
            'height': int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            'width': int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            'num_frames': int(capture.get(cv2.CAP_PROP_FRAME_COUNT)),
        }
    finally:
        capture.release()


def _predict(
    inferencer: Any, video: Path, advance: Callable[[], None]
) -> Iterator[list[dict]]:
    """Instances of each frame."""
    for result in inferencer(str(video), return_vis=False):
        for instances in result['predictions']:
            yield instances
            advance()


def _write(
    path: Path, frames: Iterable[list[dict]], meta: dict, info: dict
) -> int:
    """Write frames as they come; returns their number."""
    with replacing(path) as temporary, temporary.open('w') as file:
        count = _write_frames(file, frames)
        if not count or count < WHOLE * info['num_frames']:
            raise ValueError(
                f'it ends after {count} of {info["num_frames"]} frames; '
                'copy or encode it again'
            )
        meta = {**meta, 'video': {**info, 'num_frames': count}}
        file.write(f',\n"meta_info": {json.dumps(meta)}}}\n')
    return count


def _write_frames(file: TextIO, frames: Iterable[list[dict]]) -> int:
    """Write all of the dict but its ``meta_info`` and its end."""
    count = 0
    file.write('{"instance_info": [')
    for instances in frames:
        item = {'frame_id': count, 'instances': instances}
        file.write(',\n' if count else '\n')
        file.write(json.dumps(item, default=lambda v: v.tolist()))
        count += 1
    file.write(']')
    return count


def _one_line(error: Exception) -> str:
    """Kind and message of another package's error."""
    text = ' '.join(str(error).split())[:300]
    if isinstance(error, ValueError) and text:
        return text
    return f'{type(error).__name__}: {text}'
