"""Videos to JSON files, with a stand-in for MMPose's inferencer.

The real one needs MMCV's compiled operators. What stands in for it keeps
its interface: a generator of ``{'predictions': [instances]}`` by frame.
"""

import json
import os
import runpy
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest

from mobind_mm.apis.pose_extraction import extract_poses
from mobind_mm.readers.mmpose import read_mmpose_json
from mobind_mm.skeleton import get_layout

TOOL = Path(__file__).parents[2] / 'tools/extract_pose.py'
COCO = get_layout('coco')


class Inferencer:
    """Sees one person in every frame but the second."""

    built = []
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

    def __call__(self, video, return_vis):
        assert not return_vis
        capture = cv2.VideoCapture(video)
        count = 0
        while capture.read()[0]:
            if count == self.breaks_at:
                raise RuntimeError('out of memory')
            instance = {
                'keypoints': np.full((17, 2), 10.0 + count),
                'keypoint_scores': [0.5] * 17,
                'bbox': ([1, 2, 30.0, 40.0],),
                'bbox_score': np.float32(0.9),
            }
            yield {'predictions': [[] if count == 1 else [instance]]}
            count += 1


@pytest.fixture
def mmpose(monkeypatch):
    package, apis = types.ModuleType('mmpose'), types.ModuleType('mmpose.apis')
    apis.MMPoseInferencer = Inferencer
    monkeypatch.setattr(Inferencer, 'built', [])
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
    result = extract_poses([tmp_path / 'in'], tmp_path / 'out')
    path = tmp_path / 'out/walk.json'
    assert result.written == {path: 6} and not result.failed
    content = json.loads(path.read_text())
    assert content['meta_info']['video'] == {
        **dict(name=video.name, fps=25.0, height=48, width=64, num_frames=6)
    }
    found = read_mmpose_json(path)
    assert found.num_frames == 6 and found.layout == 'coco'
    assert found.frames.tolist() == [0, 2, 3, 4, 5]
    assert np.allclose(found.keypoints[2], 13.0)


def test_what_is_there_is_kept(mmpose, tmp_path):
    video = write_video(tmp_path / 'in/walk.avi')
    out = tmp_path / 'out'
    extract_poses([video], out)
    again = extract_poses([video], out)
    assert again.kept == [out / 'walk.json'] and not again.written
    assert len(mmpose.built) == 1  # nor are the models built for nothing
    # Another model, a newer video, a damaged file: predicted again.
    assert extract_poses([video], out, pose2d='rtmpose-l').written
    assert extract_poses([video], out).written
    time = (out / 'walk.json').stat().st_mtime + 10
    os.utime(video, (time, time))
    assert extract_poses([video], out).written
    os.utime(video, (1, 1))
    path = out / 'walk.json'
    path.write_bytes(path.read_bytes()[:-100])
    assert extract_poses([video], out).written
    assert extract_poses([video], out, force=True).written


def test_a_bad_video_does_not_stop_the_others(mmpose, tmp_path):
    good = write_video(tmp_path / 'in/a.avi')
    bad = tmp_path / 'in/b.mp4'
    bad.write_bytes(b'no video')
    result = extract_poses([bad, good], tmp_path / 'out')
    assert list(result.written) == [tmp_path / 'out/a.json']
    assert result.failed == {bad: 'OpenCV cannot open it as a video'}


def test_a_failure_leaves_nothing(mmpose, tmp_path, monkeypatch):
    video = write_video(tmp_path / 'walk.avi')
    monkeypatch.setattr(mmpose, 'breaks_at', 3)
    result = extract_poses([video], tmp_path / 'out')
    assert result.failed == {video: 'RuntimeError: out of memory'}
    assert list((tmp_path / 'out').iterdir()) == []


def test_mistakes_are_named(mmpose, tmp_path):
    (tmp_path / 'in').mkdir()
    with pytest.raises(FileNotFoundError, match='no video there'):
        extract_poses([tmp_path / 'in'], tmp_path)
    videos = [write_video(tmp_path / d / 'x.avi') for d in 'ab']
    with pytest.raises(ValueError, match='would both be written'):
        extract_poses(videos, tmp_path)
    with pytest.raises(ValueError, match="--pose2d 'unknown'"):
        extract_poses(videos[:1], tmp_path, pose2d='unknown')


def test_without_mmpose_the_command_says_what_to_install(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, 'mmpose.apis', None)
    video = write_video(tmp_path / 'walk.avi')
    argv = [str(TOOL), str(video), '--out', str(tmp_path / 'out')]
    monkeypatch.setattr(sys, 'argv', argv)
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(TOOL), run_name='__main__')
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: MMPose cannot run here')
    assert 'mim install' in line and 'mmpose==1.3.2' in line
    assert not (tmp_path / 'out').exists()
