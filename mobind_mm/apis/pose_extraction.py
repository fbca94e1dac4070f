"""Estimate the poses in videos, one JSON file each, and show the progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from ..readers import video as one
from ..readers.estimators import make_estimator
from ..readers.estimators.mmpose import one_line
from ..readers.video import SUFFIXES, Advance, is_up_to_date
from ..utils.files import NO_SPACE


@dataclass
class Extraction:
    """Result for each video.

    Args:
        written: JSON file to its number of frames.
        kept: JSON files that were there already.
        failed: Video to what is wrong with it.
        notes: What is unusual in videos whose poses were estimated.
    """

    written: dict[Path, int] = field(default_factory=dict)
    kept: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def extract_poses(
    videos: Sequence[str | Path],
    out: str | Path | None = None,
    estimator: str | None = None,
    force: bool = False,
    **options: Any,
) -> Extraction:
    """Estimate the people of every frame of videos.

    See :func:`~mobind_mm.readers.video.estimate_video` for what is written.
    A file that is complete, of the same video and of the same estimator is
    kept. A video that cannot be read does not stop the others.

    Args:
        videos: Files, and directories whose videos are taken.
        out: Directory to write to, as ``<name of the video>.json``; or a
            ``.json`` file, for one video; None: beside each video, as
            ``<name of the video>.<estimator>.json``.
        estimator: Name of the pose estimator; None: ``mediapipe``.
        force: Estimate again even if the file is there.
        **options: Keywords of the estimator; None leaves one out.

    Raises:
        FileNotFoundError: If a path does not exist or has no videos.
        ValueError: If two videos would write one file, or the estimator
            cannot be made.
        ImportError: If the estimator is not installed; says how to.
        OSError: If the disk is full; what is done is kept.
    """
    files = list(_videos(videos))
    model = make_estimator(estimator, **options)
    result = Extraction()
    todo = []
    for video, path in _plan(files, out, model.name).items():
        if not force and is_up_to_date(path, video, model):
            result.kept.append(path)
        else:
            todo.append((video, path))
    if todo:
        model.load()
    for video, path in todo:
        try:
            with progress_of(video.name) as advance:
                count = one.estimate_video(video, path, model, advance)
            result.written[path] = count
            result.notes += one.notes_of(path)
        except Exception as error:  # estimators and decoders raise many kinds
            if getattr(error, 'errno', None) in NO_SPACE:
                raise
            result.failed[video] = one_line(error)
    return result


def pose_of_video(
    video: str | Path,
    estimator: str | None = None,
    show_progress: bool = True,
    **options: Any,
) -> Path:
    """The file of the people in a video; estimated if it is not there yet.

    The estimator is ``mediapipe`` by default; the options are those of
    :func:`mobind_mm.readers.video.pose_of_video`.

    Raises:
        FileNotFoundError: If there is no such video.
        ImportError: If the estimator is not installed; says how to.
        ValueError: If it cannot be read as a video.
    """
    name = f'poses of {Path(video).name}'
    with progress_of(name, show_progress) as advance:
        return one.pose_of_video(video, estimator, advance=advance, **options)


@contextmanager
def progress_of(name: str, shown: bool = True) -> Iterator[Advance]:
    """A bar on standard error, from the first step on."""
    bar = Progress(
        *Progress.get_default_columns(), console=Console(stderr=True)
    )
    task = bar.add_task(name, total=None)
    started = False

    def advance(done: int, total: int) -> None:
        nonlocal started
        if shown and not started:
            bar.start()
            started = True
        bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        if started:
            bar.stop()


def _videos(videos: Sequence[str | Path]) -> Iterator[Path]:
    """All video files."""
    for name in map(Path, videos):
        files = [name]
        if name.is_dir():
            files = sorted(
                p for p in name.iterdir() if p.suffix.lower() in SUFFIXES
            )
        if not files or not files[0].is_file():
            raise FileNotFoundError(
                f'{name}: no video there; expected a video, or a directory '
                f'of {" ".join(SUFFIXES)} files.'
            )
        yield from files


def _plan(
    videos: Sequence[Path], out: str | Path | None, estimator: str
) -> dict[Path, Path]:
    """JSON file of each video."""
    target = None if out is None else Path(out)
    plan: dict[Path, Path] = {}
    for video in videos:
        if target is None:
            plan[video] = video.with_name(f'{video.stem}.{estimator}.json')
        elif target.suffix.lower() == '.json' and not target.is_dir():
            plan[video] = target
        else:
            plan[video] = target / f'{video.stem}.json'
    first: dict[Path, Path] = {}
    for video, path in plan.items():
        if path in first:
            raise ValueError(
                f'{video} and {first[path]} would both be written to '
                f'{path}; give them another --out.'
            )
        first[path] = video
    return plan
