"""Commands that are given nothing but the video."""

import json
import sys
from functools import partial

import numpy as np
import pytest
from raw_videos import write_video

from mobind_mm.datasets.synthetic.example import write_example
from mobind_mm.readers import recognize
from mobind_mm.readers.estimators import base
from mobind_mm.utils.video import video_facts
from mobind_mm.utils.video_writing import writing_video

OFFSET, FPS = 3.217, 25.0


class Truth:
    """Knows what is in pose.json, at a quarter of its size."""

    name, layout, caution = 'truth', 'coco', 'look twice'
    settings = {}
    frames = []
    calls = 0

    def load(self):
        pass

    def reset(self):
        self.row = 0

    def people(self, image):
        type(self).calls += 1
        people = self.frames[self.row]['instances']
        self.row += 1
        return [
            {
                'keypoints': (np.array(p['keypoints']) / 4).tolist(),
                'keypoint_scores': p['keypoint_scores'],
            }
            for p in people
        ]


@pytest.fixture
def run(command):
    return partial(command, 'mobind')


@pytest.fixture
def take(tmp_path, monkeypatch):
    """Sensors, and a video of grey frames with sound."""
    pytest.importorskip('av')
    write_example(tmp_path, OFFSET, 24.0, fps=FPS)
    frames = json.loads((tmp_path / 'pose.json').read_text())
    (tmp_path / 'pose.json').unlink()
    monkeypatch.setattr(Truth, 'frames', frames)
    monkeypatch.setattr(Truth, 'calls', 0)
    monkeypatch.setitem(base._ESTIMATORS, 'truth', Truth)
    write_video(tmp_path / 'tone.mp4', np.arange(140) / 10, sound=True)
    sound = (tmp_path / 'tone.mp4', 0.0, 14.0)
    with writing_video(tmp_path / 'take.mp4', FPS, (480, 270), sound) as add:
        for _ in frames:
            add(np.full((270, 480, 3), 90, np.uint8))
    return tmp_path


def test_sync_of_a_video_alone(take, run):
    words = (
        'sync', '--imu', take / 'imu.csv', '--mapping', take / 'imu.yml',
        '--video', take / 'take.mp4', '--estimator', 'truth', '--quiet',
        '--out-dir', take / 'out', '--device', 'cpu',
    )  # fmt: skip
    status, _, err = run(
        *words, '--preview', '--preview-start', 2, '--preview-sec', 1
    )
    assert (status, err) == (0, '')
    answer = json.loads((take / 'out/sync.json').read_text())
    assert answer['offset_s'] == pytest.approx(OFFSET, abs=0.03)
    kept = take / 'take.truth.json'
    meta = json.loads(kept.read_text())['meta_info']
    assert meta['estimator'] == 'truth'
    assert meta['video']['num_frames'] == len(Truth.frames) == Truth.calls
    preview = video_facts(take / 'out/preview.mp4')
    assert preview.has_audio and len(preview.times) in (25, 26)
    assert preview.rate == pytest.approx(FPS)
    # The second run, and the file by itself, need no estimator.
    assert run(*words)[0] == 0
    assert len(Truth.frames) == Truth.calls


def test_pose_says_where_its_result_is(take, run):
    words = 'pose', take / 'take.mp4', '--estimator', 'truth'
    out = take / 'poses.json'
    status, printed, _ = run(*words, '--out', out)
    assert (status, printed) == (0, f'{out}: {len(Truth.frames)} frames\n')
    Truth.frames[5]['instances'] *= 2
    status, printed, _ = run(*words, '--out', out, '--force')
    note = 'note: take.mp4: 1 frames show several people; look twice\n'
    assert printed.endswith(note)
    status, printed, _ = run(*words, '--out', out)
    assert (status, printed) == (0, f'{out}: kept\n')


def test_a_video_is_recognized_by_its_content(take):
    kind = recognize(take / 'take.mp4')
    assert kind.name == 'video'
    (pose,) = kind(take / 'take.mp4', estimator='truth').read_people().values()
    assert len(pose.scores) == len(Truth.frames)
    assert pose.img_shape == (270, 480)
    (take / 'table.mp4').write_text('time,x\n1,2\n')
    assert getattr(recognize(take / 'table.mp4'), 'name', '') != 'video'


def test_without_the_extra_one_line_says_what_to_install(
    take, run, monkeypatch
):
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', None)
    status, _, err = run(
        'sync', '--imu', take / 'imu.csv', '--video', take / 'take.mp4'
    )
    assert status == 2
    (line,) = err.splitlines()
    assert line.startswith('error: ')
    assert "pip install 'mobind_mm[pose]'" in line
    assert not list(take.glob('.*.part'))


def test_neither_skeletons_nor_video_is_said(take, run):
    status, _, err = run('sync', '--imu', take / 'imu.csv')
    assert status == 2
    assert 'Give the skeletons as --pose, or their --video alone' in err


@pytest.mark.slow
def test_rendered_person_within_50_ms(tmp_path, run):
    """From the pixels of a video to the offset of its sensors."""
    pytest.importorskip('ai_edge_litert')
    pytest.importorskip('cv2')
    write_example(tmp_path, OFFSET, 14.0, video=True)
    status, _, _ = run(
        'sync', '--imu', tmp_path / 'imu.csv', '--mapping',
        tmp_path / 'imu.yml', '--video', tmp_path / 'take.mp4',
        '--out-dir', tmp_path, '--device', 'cpu',
    )  # fmt: skip
    assert status == 0
    answer = json.loads((tmp_path / 'sync.json').read_text())
    assert answer['offset_s'] == pytest.approx(OFFSET, abs=0.05)
