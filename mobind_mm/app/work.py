"""What the app does with files, in a process that can be ended at any time.

Nothing heavy is imported before a job runs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import READ_ERRORS, is_memory, mistake
from ..utils.results import plain, write_json

_AROUND_SEC = 60.0
"""Seconds of sensors before and after the video that can be nudged in."""
_TRACE_HZ = 50
_MISSING = 65535
"""Stands for a keypoint that was not detected."""
_FLAGS = re.compile(r' \(--[^)]*\)')
"""Messages say in words what to give, and its flags in brackets."""


def run(answer: Any, what: str, folder: str, request: dict[str, Any]) -> None:
    """Do a job and send its answer.

    Args:
        answer: Connection that takes ``('done', value)`` or ``('error',
            sentence)``.
        what: Name of the job.
        folder: Folder of the page.
        request: What the page asks for.
    """
    place = Path(folder)
    try:
        value = _JOBS[what](place, request)
        answer.send(('done', value))
    except Exception as error:
        text = str(error)
        if is_memory(error):
            text = 'This computer has too little memory for it.'
        elif not isinstance(error, (*READ_ERRORS, OSError, TypeError)):
            kind = type(error).__name__
            text = f'That is a defect of mobind_mm: {kind}: {text}'
        answer.send(('error', _for_the_page(_without_folders(text, place))))


def _for_the_page(text: str) -> str:
    """A message for somebody who has a page and no flags.

    >>> _for_the_page('give the times of the frames (--frame-times)')
    'give the times of the frames'
    """
    return _FLAGS.sub('', text)


def _without_folders(text: str, folder: Path) -> str:
    """Messages name files as the user does."""
    for part in (folder / 'in', folder / 'out', folder):
        for path in (part.resolve(), part):
            text = text.replace(f'{path}/', '').replace(str(path), 'upload')
    return text


def _plain(value: Any, folder: Path) -> Any:
    """Facts whose texts name files as the user does."""
    return plain(value, lambda text: _without_folders(text, folder))


def _check_mapping(path: Path, inputs: Path) -> None:
    """Refuse a mapping that names files of others."""
    from ..apis.study.files import named_files

    if path.suffix.lower() not in ('.yml', '.yaml') or not path.is_file():
        return
    for file in named_files(path):
        if not file.resolve().is_relative_to(inputs.resolve()):
            raise mistake(
                path.name,
                'names a file that was not uploaded',
                'Upload it, and name it without folders',
                value=file.name,
            )


def _inspect(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """What a file is."""
    from ..checks.inspection import inspect_path
    from ..skeleton import LIMBS

    inputs = folder / 'in'
    path, mapping = inputs / request['name'], request.get('mapping')
    mapping = inputs / mapping if mapping else None
    for file in filter(None, (path, mapping)):
        _check_mapping(file, inputs)
    facts = inspect_path(path, mapping)
    facts['placements'] = list(LIMBS)
    facts = _plain(facts, folder)
    facts['problem'] = _for_the_page(facts['problem'])
    for key in ('notes', 'findings'):
        facts[key] = [_for_the_page(text) for text in facts[key]]
    return facts


def _recording(folder: Path, request: Mapping[str, Any]) -> Any:
    """The recording that a page describes."""
    from ..apis.pose_extraction import pose_of_video
    from ..apis.sources import to_imu, to_pose
    from ..readers.files import read_video_facts
    from ..recordings import Recording

    inputs = folder / 'in'
    imu: dict[str, Any] = {}
    skeleton = dict(request.get('pose') or {})
    named = [
        part[key]
        for part in (*request['sensors'], skeleton)
        for key in ('name', 'mapping')
        if part.get(key)
    ]
    for name in named:
        _check_mapping(inputs / name, inputs)
    for source in request['sensors']:
        keys: dict[str, Any] = {'file': inputs / source['name']}
        if source.get('mapping'):
            keys['mapping'] = inputs / source['mapping']
        if source.get('placement'):
            keys['placement'] = source['placement']
        streams = to_imu(keys)
        if twice := sorted(imu.keys() & streams.keys()):
            raise ValueError(
                f'Two files hold a sensor at {twice[0]}; say where each is '
                'worn, or remove one.'
            )
        imu.update(streams)
    video = request.get('video')
    pose: dict[str, Any] = {k: v for k, v in skeleton.items() if v}
    if 'name' in pose:
        pose['file'] = inputs / pose.pop('name')
    elif video:
        pose['file'] = pose_of_video(inputs / video, None, False)
    else:
        raise ValueError('Add a video, or the keypoints found in it.')
    if not imu:
        raise ValueError('Add a file of sensors.')
    for key in {'mapping', 'times'} & pose.keys():
        pose[key] = inputs / pose[key]
    if 'img_shape' in pose:
        pose['img_shape'] = tuple(pose['img_shape'])
    if video:
        pose['clip'] = read_video_facts(inputs / video)
    return Recording(imu, to_pose(pose))


def _sync(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Synchronise, and write what the page shows."""
    from ..apis import MoBindInferencer
    from ..apis.synchronizing import describe, synchronize

    streams = _recording(folder, request)
    embedder = MoBindInferencer(device='cpu', show_progress=False)
    answer, clock = synchronize(
        embedder, streams, request.get('max_offset'), request.get('around')
    )
    answer = _plain(answer, folder)
    streams = embedder.settled(streams)
    out = folder / 'out'
    write_json(out / 'sync.json', answer)
    write_json(out / 'request.json', request)
    result = clock.result
    curve: dict[str, Any] = {'offsets': [], 'log_posterior': []}
    if result is not None and len(result.offsets):
        score = result.log_posterior - np.nanmax(result.log_posterior)
        curve = {
            'offsets': np.round(result.offsets, 4),
            'log_posterior': np.round(score, 3),
        }
    view = {
        'answer': answer,
        'words': _for_the_page(describe(answer)).splitlines(),
        'notes': [_for_the_page(note) for note in answer['notes']],
        'curve': curve,
        **_movement(streams, answer),
        **_skeleton(streams.pose, out / 'skeleton.bin'),
    }
    write_json(out / 'view.json', view)
    return {'abstained': answer['abstained']}


def _movement(streams: Any, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Traces of sensors and limbs on the video's clock."""
    from ..apis.synchronizing import on_video_clock
    from ..recordings import Recording
    from ..synchronization.signals import RATE
    from ..visualization.preview import motion_traces

    first, last = streams.pose.clock.span
    start = first - _AROUND_SEC
    aligned = Recording(on_video_clock(streams.imu, answer), streams.pose)
    pairs = motion_traces(aligned, start, last - first + 2 * _AROUND_SEC)
    step = round(RATE / _TRACE_HZ)
    traces = {
        name: {
            kind: np.round(1000 * values[::step])
            for kind, values in zip(('sensor', 'limb'), pair)
        }
        for name, pair in pairs.items()
    }
    return {'traces': traces, 'trace_start': start, 'trace_hz': RATE / step}


def _skeleton(pose: Any, path: Path) -> dict[str, Any]:
    """Facts of the skeleton; its points go to a file of (T, K, 2) uint16."""
    from ..visualization.skeleton import bone_indices

    points = np.asarray(pose.keypoints, np.float64)
    seen = np.asarray(pose.scores) > 0
    clipped = np.clip(np.round(points), 0, _MISSING - 1)
    clipped = np.where(seen[..., None], clipped, _MISSING)
    path.write_bytes(clipped.astype('<u2').tobytes())
    return {
        'times': np.round(pose.clock.at(), 6),
        'img_shape': list(pose.img_shape),
        'keypoints': points.shape[1],
        'bones': bone_indices(pose.layout),
    }


def moved_by_hand(answer: Mapping[str, Any], by: float) -> dict[str, Any]:
    """The answer, with clocks that are later by seconds that a person added.

    It is not refused, and a note says so.

    >>> clock = {'video_s': [0.0, 1.0], 'offset_s': [2.0, 2.0]}
    >>> found = {'offset_s': 2.0, 'clock': clock, 'notes': []}
    >>> moved_by_hand(found, 0.5)['clock']['offset_s']
    [2.5, 2.5]
    """

    def moved(part: Mapping[str, Any]) -> dict[str, Any]:
        clock = part['clock']
        offsets = [offset + by for offset in clock['offset_s']]
        return {
            **part,
            'offset_s': part['offset_s'] + by,
            'clock': {**clock, 'offset_s': offsets},
            'abstained': False,
            'reason': '',
        }

    clocks = answer.get('sensor_clocks', {})
    note = (
        f'The offset was moved by hand by {by:+.3f} s, from '
        f'{answer["offset_s"]:+.3f} s; the confidence is that of the offset '
        'that was found.'
    )
    return {
        **moved(answer),
        'sensor_clocks': {name: moved(part) for name, part in clocks.items()},
        'moved_by_hand_s': by,
        'notes': [*answer['notes'], note],
    }


def _export(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Write files to download; returns the name of one, or of a ZIP."""
    from ..apis.exports import Take, read_answer, times_of_rows, write_exports
    from ..checks import settle_inputs

    out = folder / 'out'
    answer = read_answer(out / 'sync.json')
    by = request.get('moved_by', 0.0)
    if by or request.get('accepted'):
        answer = moved_by_hand(answer, by)
    target = out / 'download'
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    write_json(target / 'sync.json', answer)
    names = request['names']
    if not names:
        return {'file': 'download/sync.json', 'notes': []}
    asked = request['request']
    streams = _recording(folder, asked)
    imu, pose = settle_inputs(streams.imu, streams.pose)
    assert pose is not None  # a recording of the app has one
    video = folder / 'in' / asked['video'] if asked.get('video') else None
    given = (asked.get('pose') or {}).get('times')
    given = folder / 'in' / given if given else None
    times = times_of_rows(names, pose, video, given)
    span = request.get('start'), request.get('end')
    take = Take(imu, answer, times, pose, video, None, span, portable=True)
    files, notes = write_exports(names, take, target)
    if names == ['csv']:
        return {'file': f'download/{files[0].name}', 'notes': notes}
    shutil.make_archive(str(out / 'aligned'), 'zip', target)
    return {'file': 'aligned.zip', 'notes': notes}


_JOBS = {'inspect': _inspect, 'sync': _sync, 'export': _export}
