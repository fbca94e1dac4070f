"""Videos to JSON files, with a stand-in for MMPose's inferencer.

The real one needs MMCV's compiled operators. What stands in for it keeps
its interface: a generator of ``{'predictions': [instances]}`` by frame.
"""

import errno
import functools
import json
import os
import signal
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from processes import hold
from programs import posix
from raw_videos import write_video as timed_video

from mobind_mm.apis import pose_extraction
from mobind_mm.apis.pose_extraction import extract_poses, pose_of_video
from mobind_mm.readers import video
from mobind_mm.readers.files import load_pose
from mobind_mm.readers.mmpose import read_mmpose_json
from mobind_mm.skeleton import get_layout

extract = functools.partial(extract_poses, estimator='mmpose')
COCO = get_layout('coco')


class Inferencer:
    """Sees one person in every frame but the second."""

    built = []
    seen = []
    breaks_at = None

    def __init__(self, pose2d, det_model=None, device=None):
        if pose2d == 'unknown':
            raise ValueError('unknown is not in the model zoo')
        self.built.append((pose2d, det_model, device))
        meta = {
            'dataset_name': 'coco',
            'keypoint_id2name': dict(enumerate(COCO)),
        }
        model = types.SimpleNamespace(dataset_meta=meta)
        self.inferencer = types.SimpleNamespace(model=model)

    def __call__(self, image, return_vis):
        assert not return_vis and image.shape == (48, 64, 3)
        count = round(float(image.mean()) / 40)
        if count == self.breaks_at:
            raise RuntimeError('out of memory')
        instance = {
            'keypoints': np.full((17, 2), 10.0 + count),
            'keypoint_scores': [0.5] * 17,
            'bbox': ([1, 2, 30.0, 40.0],),
            'bbox_score': np.float32(0.9),
        }
        self.seen.append(count)
        yield {'predictions': [[] if count == 1 else [instance]]}


@pytest.fixture
def mmpose(monkeypatch):
    package, apis = types.ModuleType('mmpose'), types.ModuleType('mmpose.apis')
    apis.MMPoseInferencer = Inferencer
    monkeypatch.setattr(Inferencer, 'built', [])
    monkeypatch.setattr(Inferencer, 'seen', [])
    monkeypatch.setattr(Inferencer, 'breaks_at', None)
    monkeypatch.setitem(sys.modules, 'mmpose', package)
    monkeypatch.setitem(sys.modules, 'mmpose.apis', apis)
    return Inferencer


def write_video(path, frames=6):
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), code, 25.0, (64, 48))
    for value in range(frames):
        writer.write(np.full((48, 64, 3), 40 * value, np.uint8))
    writer.release()
    return path


def test_predictions_are_written_and_read_again(mmpose, tmp_path):
    video = write_video(tmp_path / 'in/walk.avi')
    result = extract([tmp_path / 'in'], tmp_path / 'out')
    path = tmp_path / 'out/walk.json'
    assert result.written == {path: 6} and not result.failed
    content = json.loads(path.read_text())
    assert content['meta_info']['video'] == {
        **dict(name=video.name, fps=25.0, height=48, width=64, num_frames=6),
        'rotation': 0,
    }
    assert content['meta_info']['estimator'] == 'mmpose'
    found = read_mmpose_json(path)
    assert found.num_frames == 6 and found.layout == 'coco'
    assert found.frames.tolist() == [0, 2, 3, 4, 5]
    assert np.allclose(found.keypoints[2], 13.0)


def test_what_is_there_is_kept(mmpose, tmp_path):
    video = write_video(tmp_path / 'in/walk.avi')
    out = tmp_path / 'out'
    extract([video], out)
    again = extract([video], out)
    assert again.kept == [out / 'walk.json'] and not again.written
    assert len(mmpose.built) == 1  # nor are the models built for nothing
    # The same video at another time is the same.
    os.utime(video, (1, 1))
    assert extract([video], out).kept
    # Another model, another video, a damaged file: estimated again.
    assert extract([video], out, pose2d='rtmpose-l').written
    assert extract([video], out).written
    write_video(video, 5)
    assert extract([video], out).written == {out / 'walk.json': 5}
    path = out / 'walk.json'
    path.write_bytes(path.read_bytes()[:-100])
    assert extract([video], out).written
    assert extract([video], out, force=True).written


def test_a_bad_video_does_not_stop_the_others(mmpose, tmp_path):
    good = write_video(tmp_path / 'in/a.avi')
    bad = tmp_path / 'in/b.mp4'
    bad.write_bytes(b'no video')
    result = extract([bad, good], tmp_path / 'out')
    assert list(result.written) == [tmp_path / 'out/a.json']
    assert 'cannot read it as a video' in result.failed[bad]


def test_an_interrupted_run_goes_on(mmpose, tmp_path, monkeypatch):
    video, out = write_video(tmp_path / 'walk.avi'), tmp_path / 'out'
    whole = out / 'whole.json'
    extract([video], whole)
    monkeypatch.setattr(mmpose, 'breaks_at', 3)
    result = extract([video], out)
    assert result.failed == {video: 'RuntimeError: out of memory'}
    assert not (out / 'walk.json').exists()
    (part,) = out.glob('.*')
    with part.open('a') as file:  # of a line that was being written
        file.write('{"frame_id": 3, "inst')
    monkeypatch.setattr(mmpose, 'breaks_at', None)
    mmpose.seen.clear()
    assert extract([video], out).written == {out / 'walk.json': 6}
    assert mmpose.seen == [3, 4, 5]
    assert (out / 'walk.json').read_bytes() == whole.read_bytes()
    assert sorted(out.iterdir()) == [out / 'walk.json', whole]


def test_other_models_do_not_go_on(mmpose, tmp_path, monkeypatch):
    video, out = write_video(tmp_path / 'walk.avi'), tmp_path / 'out'
    monkeypatch.setattr(mmpose, 'breaks_at', 3)
    extract([video], out)
    monkeypatch.setattr(mmpose, 'breaks_at', None)
    mmpose.seen.clear()
    extract([video], out, pose2d='rtmpose-l')
    assert mmpose.seen == [0, 1, 2, 3, 4, 5]


def test_a_result_is_beside_its_video(mmpose, tmp_path):
    video = write_video(tmp_path / 'walk.avi')
    path = pose_of_video(video, 'mmpose')
    assert path == tmp_path / 'walk.mmpose.json'
    pose_of_video(video, 'mmpose')
    assert mmpose.seen == [0, 1, 2, 3, 4, 5]
    pose = load_pose(path)
    assert pose.img_shape == (48, 64) and pose.clock.mean_rate == 25


def test_read_only_directories_are_no_obstacle(mmpose, tmp_path, monkeypatch):
    video = write_video(tmp_path / 'walk.avi')
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    opened = Path.open

    def refuse(path, mode='r', *rest, **more):
        if path.parent == tmp_path and mode != 'rb':
            raise PermissionError(13, 'Permission denied', str(path))
        return opened(path, mode, *rest, **more)

    monkeypatch.setattr(Path, 'open', refuse)
    path = pose_of_video(video, 'mmpose')
    assert path.is_relative_to(tmp_path / 'home/.cache/mobind_mm')


def test_mistakes_are_named(mmpose, tmp_path):
    (tmp_path / 'in').mkdir()
    with pytest.raises(FileNotFoundError, match='no video there'):
        extract([tmp_path / 'in'], tmp_path)
    videos = [write_video(tmp_path / d / 'x.avi') for d in 'ab']
    with pytest.raises(ValueError, match='would both be written'):
        extract(videos, tmp_path)
    with pytest.raises(ValueError, match="--pose2d 'unknown'"):
        extract(videos[:1], tmp_path, pose2d='unknown')


def test_without_mmpose_the_command_says_what_to_install(
    tmp_path, monkeypatch, command
):
    monkeypatch.setitem(sys.modules, 'mmpose.apis', None)
    video = write_video(tmp_path / 'walk.avi')
    words = ('extract_pose.py', video, '--out', tmp_path / 'out')
    status, _, err = command(*words, '--estimator', 'mmpose')
    assert status == 2
    (line,) = err.splitlines()
    assert line.startswith('error: MMPose cannot run here')
    assert 'mim install' in line and 'mmpose==1.3.2' in line
    assert not (tmp_path / 'out').exists()


class Still:
    """Estimator that sees the same person in every frame."""

    name, layout, settings, caution = 'still', 'coco', {}, ''

    def load(self):
        """There is no model."""

    reset = load

    def people(self, image):
        points = np.full((17, 2), 10.0)
        return [{'keypoints': points, 'keypoint_scores': np.ones(17)}]


@posix
def test_a_video_is_worked_on_once(tmp_path):
    pytest.importorskip('av')
    film = timed_video(tmp_path / 'a.mp4', np.arange(8) / 25)
    path, part = tmp_path / 'a.json', tmp_path / '.a.json.part'
    python = hold(part)  # two runs mixed their frames
    child = int(python.stdout.readline())
    try:
        with pytest.raises(ValueError, match=r'a\.mp4 is being worked on'):
            video.estimate_video(film, path, Still())
        python.kill()
        python.wait()
        assert video.estimate_video(film, path, Still()) == 8
    finally:
        os.kill(child, signal.SIGKILL)
        python.kill()
    frames = json.loads(path.read_text())['instance_info']
    assert [frame['frame_id'] for frame in frames] == [*range(8)]
    assert not part.exists()


@posix
def test_a_full_disk_stops_all_videos(tmp_path, monkeypatch):
    pytest.importorskip('av')
    for name in 'ab':
        timed_video(tmp_path / f'{name}.mp4', np.arange(8) / 25)

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    estimator = Still()
    monkeypatch.setattr(pose_extraction, 'make_estimator', lambda _: estimator)
    monkeypatch.setattr(video, '_add_line', full)
    with pytest.raises(OSError, match=r'a\.still\.json cannot be written'):
        pose_extraction.extract_poses([tmp_path])  # a.mp4: OSError, twice
    assert not [*tmp_path.glob('*.json')]
