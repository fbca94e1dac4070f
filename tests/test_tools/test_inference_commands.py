"""The commands for end users, on simulated people with a known offset."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from raw_tables import (
    mmpose_frames,
    people,
    sensor_columns,
    times_of,
    write_csv,
)

from mobind_mm.apis import MoBindInferencer, init_model
from mobind_mm.datasets.synthetic.example import write_labelled
from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import Clock, Recording, write_imu, write_pose

REPO = Path(__file__).parents[2]
OFFSET, FPS = 3.217, 29.97
PLACEMENTS = ('left_wrist', 'right_wrist', 'head')
VIDEO = ['--fps', str(FPS), '--img-shape', '1080', '1920']
MAPPING = """
sensor:
  units: {time: s, acc: g, gyro: deg/s}
  gravity: included
  frame: sensor
imu:
""" + '\n'.join(
    f'  {name}: {{columns: {{time: t, '
    + ', '.join(
        f'{c}: [{name}_{c}_x, {name}_{c}_y, {name}_{c}_z]'
        for c in ('acc', 'gyro')
    )
    + '}}'
    for name in PLACEMENTS
)


def export(directory, recording):
    """IMU CSV at 100 Hz and MMPose's JSON at 29.97 fps.

    The first frame is second 0 of the video; the clock of the sensors shows
    3.217 s then.
    """
    start = recording.pose.clock.start
    columns = {}
    for name in PLACEMENTS:
        stream = recording.imu[name]
        columns.update(sensor_columns(stream, 'g', 'deg/s', prefix=f'{name}_'))
        columns['t'] = times_of(stream) - start + OFFSET
    write_csv(directory / 'imu.csv', columns)
    (directory / 'imu.yml').write_text(MAPPING)
    frames = mmpose_frames(recording.pose)
    (directory / 'pose.json').write_text(json.dumps(frames))
    return directory


@pytest.fixture(scope='module')
def take():
    (recording,) = people(seconds=14.0, split='test', noise=1.0, pose_rate=FPS)
    return recording


@pytest.fixture(scope='module')
def files(tmp_path_factory, take):
    return export(tmp_path_factory.mktemp('moving'), take)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Random weights: the signals must do."""
    cfg = Config.fromfile(str(REPO / 'configs/mobind/synthetic.py'))
    cfg.model.stream_stride_sec = 1.0  # fast
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp('weights') / 'model.pth'
    state = init_model(cfg).state_dict()
    torch.save({'state_dict': state, 'meta': {'cfg': cfg.pretty_text}}, file)
    return file


@pytest.fixture
def run(command):
    return command


def test_sync_within_30_ms(run, files, checkpoint, tmp_path):
    cv2 = pytest.importorskip('cv2')
    wrong = tmp_path / 'imu.yml'  # the acceleration of the head is in g
    units = '{units: {time: s, acc: m/s2, gyro: deg/s}, '
    wrong.write_text(MAPPING.replace('head: {', f'head: {units}'))
    status, out, err = run(
        'sync.py', '--imu', files / 'imu.csv', '--mapping',
        wrong, '--pose', files / 'pose.json', *VIDEO,
        '--checkpoint', checkpoint, '--out-dir', tmp_path, '--quiet',
        '--write-imu', '--preview', '--preview-sec', '1', '--device', 'cpu',
    )  # fmt: skip
    assert status == 0, err
    answer = json.loads((tmp_path / 'sync.json').read_text())
    assert answer['offset_s'] == pytest.approx(OFFSET, abs=0.030)
    assert not answer['abstained'] and answer['confidence'] > 0.9
    assert f'sensor time = video time + {answer["offset_s"]:.3f} s' in out
    assert (tmp_path / 'sync_curve.png').stat().st_size > 5000
    # The sensors on the video's clock need no mapping, unit and offset.
    moved = read_imu_file(tmp_path / 'imu.csv')
    original = read_imu_file(files / 'imu.csv', files / 'imu.yml')
    for name in PLACEMENTS:
        np.testing.assert_allclose(
            times_of(moved[name]) + answer['offset_s'],
            times_of(original[name]),
            atol=1e-5,
        )
        np.testing.assert_allclose(
            moved[name].channels['acc'],
            original[name].channels['acc'],
            rtol=1e-5,
        )
    video = cv2.VideoCapture(str(tmp_path / 'preview.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 30
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(FPS, abs=0.01)
    found, frame = video.read()
    assert found and frame.shape[0] == 480 and frame.std() > 10


def test_a_still_recording_is_refused(run, checkpoint, tmp_path):
    (still,) = people(
        seconds=14.0, split='test', noise=1.0, pose_rate=FPS,
        motion_kind='still',
    )  # fmt: skip
    files = export(tmp_path, still)
    status, out, _ = run(
        'sync.py', '--imu', files / 'imu.csv', '--mapping',
        files / 'imu.yml', '--pose', files / 'pose.json', *VIDEO,
        '--checkpoint', checkpoint, '--out-dir', tmp_path / 'out',
        '--write-imu', '--quiet', '--device', 'cpu',
    )  # fmt: skip
    assert status == 1
    assert 'refused: hardly anybody moves' in out and 'not to be used' in out
    assert 'sensors, preview and exports are not written (--force)' in out
    answer = json.loads((tmp_path / 'out/sync.json').read_text())
    assert answer['abstained'] and answer['reason'] == 'still'
    assert not (tmp_path / 'out/imu.csv').exists()


def test_arrays_files_and_recordings_agree(files, take, checkpoint, tmp_path):
    inferencer = MoBindInferencer(
        checkpoint, device='cpu', show_progress=False
    )
    start = take.pose.clock.start
    imu, arrays = {}, {}
    for name in PLACEMENTS:
        stream = take.imu[name]
        times = times_of(stream) - start + OFFSET
        channels = {k: stream.channels[k] for k in ('acc', 'gyro')}
        clock = Clock(len(times), times=times)
        imu[name] = replace(stream, clock=clock, channels=channels)
        arrays[name] = {**channels, 'times': times}
    pose = replace(take.pose, clock=replace(take.pose.clock, start=0.0))
    write_imu(tmp_path / 'imu.safetensors', imu)
    write_pose(tmp_path / 'pose.safetensors', pose)
    skeleton = dict(
        keypoints=pose.keypoints, scores=pose.scores, rate=FPS,
        img_shape=(1080, 1920),
    )  # fmt: skip
    video = dict(rate=FPS, img_shape=(1080, 1920))
    answers = [
        inferencer.synchronize(source)
        for source in (
            Recording(imu, pose),
            {'imu': arrays, 'pose': skeleton},
            {
                'imu': tmp_path / 'imu.safetensors',
                'pose': tmp_path / 'pose.safetensors',
            },
            {
                'imu': dict(file=files / 'imu.csv', mapping=files / 'imu.yml'),
                'pose': dict(file=files / 'pose.json', **video),
            },
            {
                'imu': imu,
                'pose': dict(results=mmpose_frames(take.pose), **video),
            },
        )
    ]
    first = answers[0]
    assert first['offset_s'] == pytest.approx(OFFSET, abs=0.030)
    for other in answers[1:]:
        assert other['offset_s'] == pytest.approx(first['offset_s'], abs=1e-3)
        assert other['confidence'] == pytest.approx(
            first['confidence'], abs=1e-3
        )


def test_clocks_that_never_meet(take, checkpoint):
    """Dates against seconds of the video; both were started together."""
    inferencer = MoBindInferencer(
        checkpoint, device='cpu', show_progress=False
    )
    imu = {
        name: replace(
            take.imu[name],
            clock=replace(
                take.imu[name].clock, start=take.imu[name].clock.start + 1.7e9
            ),
        )
        for name in PLACEMENTS
    }
    answer = inferencer.synchronize(Recording(imu, take.pose))
    assert answer['offset_s'] == pytest.approx(1.7e9, abs=0.030)
    answer = inferencer.synchronize(
        Recording(imu, take.pose), max_offset=2.0, around=1.7e9 + 1
    )
    assert answer['offset_s'] == pytest.approx(1.7e9, abs=0.030)
    assert answer['searched'] == dict(around_s=1.7e9 + 1, max_offset_s=2.0)


def test_the_other_commands_run_and_write(run, files, checkpoint, tmp_path):
    """What they answer is tested with the inferencer."""
    imu = ['--imu', files / 'imu.csv', '--mapping', files / 'imu.yml']
    pose = ['--pose', files / 'pose.json', *VIDEO]
    model = ['--checkpoint', checkpoint, '--quiet', '--device', 'cpu']
    out = ['--out-dir', tmp_path]
    status, text, _ = run(
        'localize.py', *imu, *pose, *model, *out, '--offset', OFFSET
    )
    assert status == 0 and 'worn by: person 0' in text
    answer = json.loads((tmp_path / 'localize.json').read_text())
    assert set(answer['sensors']) == set(PLACEMENTS)
    status, text, _ = run(
        'retrieve.py', *imu, *VIDEO, '--gallery', files / 'pose.json',
        *model, *out,
    )  # fmt: skip
    assert status == 0 and 'pose.json (' in text
    answer = json.loads((tmp_path / 'retrieve.json').read_text())
    found = answer[0]['recordings'][0]['name']
    assert found == str(files / 'pose.json')
    labelled = write_labelled(tmp_path / 'labelled', 1, 12.0)
    status, text, _ = run(
        'recognize.py', *imu, '--gallery', labelled, *model, *out
    )
    assert status == 0 and f'{files / "imu.csv"}: ' in text
    (answer,) = json.loads((tmp_path / 'recognize.json').read_text())
    assert answer['action'] in answer['scores']
    assert f'{answer["action"]} ({answer["score"]:.3f})' in text
    for name in ('localization.png', 'retrieval.png', 'actions.png'):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ('script', 'arguments', 'message'),
    [
        ('sync.py', ['--pose', '{}/pose.json'], 'frames per second'),
        ('sync.py', ['--pose', '{}/no.json', *VIDEO], 'no.json'),
        (
            'sync.py',
            ['--pose', '{}/pose.json', '--video', '{}/imu.csv'],
            'cannot read it as a video',
        ),
        (
            'sync.py',
            ['--pose', '{}/pose.json', *VIDEO, '--max-offset', '0'],
            'max_offset must be positive',
        ),
        (
            'sync.py',
            ['--pose', '{}/pose.json', *VIDEO, '--person', '7'],
            'person 7 is none of',
        ),
        (
            'sync.py',
            ['--pose', '{}/pose.json', *VIDEO, '--checkpoint', 'x.pth'],
            'no checkpoint x.pth',
        ),
        (
            'retrieve.py',
            ['--pose', '{}/pose.json', *VIDEO, '--gallery', '{}/pose.json'],
            'either --imu, or --pose',
        ),
        ('recognize.py', ['--pose', '{}/pose.json', *VIDEO], 'give a gallery'),
    ],
)
def test_mistakes_end_with_one_line(
    run, files, checkpoint, tmp_path, script, arguments, message
):
    status, out, err = run(
        script, '--imu', files / 'imu.csv', '--mapping', files / 'imu.yml',
        '--checkpoint', checkpoint, '--quiet', '--out-dir', tmp_path,
        *(str(a).format(files) for a in arguments),
    )  # fmt: skip
    assert status == 2 and out == ''
    assert message in err and err.startswith('error: ')
    assert len(err.strip().splitlines()) == 1
