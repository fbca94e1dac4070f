"""Streams of Lab Streaming Layer: what they hold, and a real session."""

import json
import sys
import threading
import time

import numpy as np
import pytest

from mobind_mm.apis import lsl
from mobind_mm.cli import main
from mobind_mm.recordings import STANDARD_GRAVITY
from mobind_mm.synchronization.conformance import simulate_recording

WRIST = 'right_wrist'


class Info:
    """A stream's description, as far as it is read."""

    def __init__(self, name, kind, labels, units=None, count=None):
        self._name, self._kind = name, kind
        self._labels, self._units = labels, units
        self._count = count or len(labels)

    def name(self):
        return self._name

    def type(self):
        return self._kind

    def channel_count(self):
        return self._count

    def nominal_srate(self):
        return 100.0

    def hostname(self):
        return 'lab'

    def channel_format(self):
        return 1

    def get_channel_labels(self):
        return self._labels

    def get_channel_units(self):
        return self._units


class FakeLsl:
    """Streams whose samples are made up."""

    cf_string, proc_clocksync = 3, 1

    class StreamInlet:
        def __init__(self, info, **options):
            self._info = info

        def info(self, timeout):
            return self._info

    def __init__(self, *infos):
        self.infos = list(infos)

    def resolve_streams(self, wait_time):
        return self.infos


@pytest.fixture
def fake(monkeypatch):
    def install(*infos):
        library = FakeLsl(*infos)
        monkeypatch.setattr(lsl, '_pylsl', lambda: library)
        return library

    return install


AXES = [f'{kind}_{axis}' for kind in ('acc', 'gyro') for axis in 'xyz']


def test_streams_are_found_by_type_and_chosen_by_name(fake):
    wrist, pose = Info('right wrist', 'IMU', AXES), Info('cam', 'Pose', [])
    other = Info('amp', 'EEG', ['C3'])
    fake(pose, wrist, other)
    found = lsl.find_streams(0)
    assert lsl.choose_streams(found) == ([wrist], pose)
    assert lsl.choose_streams(found, ['amp'])[0] == [other]
    with pytest.raises(ValueError, match=r"'rigt wrist'.*'right wrist'"):
        lsl.choose_streams(found, ['rigt wrist'])
    with pytest.raises(ValueError, match='no stream of a skeleton'):
        lsl.choose_streams([wrist])
    with pytest.raises(ValueError, match='2 streams of skeletons'):
        lsl.choose_streams([wrist, pose, Info('cam2', 'Pose', [])])
    assert lsl.describe_stream(wrist) == (
        'right wrist: type IMU, 6 channels, 100 Hz, on lab (sensor)'
    )


def test_units_of_the_stream_or_by_size(fake):
    fake()
    for acc, gyro, scale in (('g', 'deg/s', 1.0), ('mg', 'mdps', 1e-3)):
        units = [acc] * 3 + [gyro] * 3
        inlet = lsl.SensorInlet(Info(WRIST, 'IMU', AXES, units), {})
        inlet.prepare(np.ones((100, 6)))
        assert inlet.factors[WRIST, 'acc'] == scale * STANDARD_GRAVITY
        assert inlet.factors[WRIST, 'gyro'] == scale * np.pi / 180
        assert inlet.notes == []
    inlet = lsl.SensorInlet(Info('dot', 'IMU', AXES), {'dot': 'chest'})
    inlet.prepare(np.tile([0, 0, 1000.0, 0, 0, 0], (100, 1)))
    assert inlet.factors['sternum', 'acc'] == pytest.approx(9.80665e-3)
    assert len(inlet.notes) == 2


def test_several_sensors_in_a_stream_and_quaternions(fake):
    fake()
    labels = [f'left_wrist_{a}' for a in AXES]
    labels += [f'head_quat_{a}' for a in 'wxyz'] + ['head_acc_x']
    labels += ['head_acc_y', 'head_acc_z']
    inlet = lsl.SensorInlet(Info('suit', 'IMU', labels), {})
    assert inlet.sensors == {
        'left_wrist': {'acc': [0, 1, 2], 'gyro': [3, 4, 5]},
        'head': {'quat': [6, 7, 8, 9], 'acc': [10, 11, 12]},
    }
    with pytest.raises(ValueError, match='where its sensor is worn'):
        lsl.SensorInlet(Info('dot', 'IMU', AXES), {})
    with pytest.raises(ValueError, match='no acceleration'):
        lsl.SensorInlet(Info(WRIST, 'IMU', ['C3', 'C4']), {})


def test_skeletons_by_their_channels(fake):
    fake()
    inlet = lsl.PoseInlet(Info('cam', 'Pose', None, count=51), None, (4, 6))
    assert (inlet.layout, inlet.each) == ('coco', 3)
    inlet.prepare(np.full((10, 51), 0.5))
    assert inlet.scale.tolist() == [6, 4]
    inlet = lsl.PoseInlet(Info('cam', 'Pose', None, count=66), None, (4, 6))
    assert (inlet.layout, inlet.each) == ('mediapipe33', 2)
    with pytest.raises(ValueError, match='40 channels'):
        lsl.PoseInlet(Info('cam', 'Pose', None, count=40), None, (4, 6))


def run_live(monkeypatch, *words):
    monkeypatch.setattr(sys, 'argv', ['mobind', 'live', *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_without_pylsl_or_streams_the_message_says_so(
    monkeypatch, capsys, fake
):
    monkeypatch.setitem(sys.modules, 'pylsl', None)
    assert run_live(monkeypatch, '--list') == 2
    assert 'pip install mobind_mm[lsl]' in capsys.readouterr().err
    fake()
    assert run_live(monkeypatch, '--list') == 1
    assert run_live(monkeypatch) == 2
    assert 'no stream of a sensor' in capsys.readouterr().err


def outlet(name, kind, labels, rate):
    pylsl = pytest.importorskip('pylsl')
    info = pylsl.StreamInfo(
        name, kind, len(labels), rate, pylsl.cf_float32, f'{name}-test'
    )
    info.set_channel_labels(labels)
    return pylsl.StreamOutlet(info)


def stream(outlets, streams, late, stop):
    """Send a recording as time goes on, the video some seconds late."""
    pylsl = pytest.importorskip('pylsl')
    sensor, pose = streams.imu[WRIST], streams.pose
    values = np.hstack([sensor.channels['acc'], sensor.channels['gyro']])
    frames = np.concatenate(
        [pose.keypoints, np.asarray(pose.scores)[..., None]], axis=2
    ).reshape(len(pose.keypoints), -1)
    origin = pylsl.local_clock()
    sent = [0, 0]
    while not stop.is_set():
        now = pylsl.local_clock() - origin
        for k, (clock, rows, delay) in enumerate(
            ((sensor.clock, values, 0.0), (pose.clock, frames, late))
        ):
            times = clock.at()
            end = int(np.searchsorted(times, now - delay))
            for i in range(sent[k], end):
                outlets[k].push_sample(
                    rows[i].astype(np.float32), origin + times[i] + delay
                )
            sent[k] = end
        time.sleep(0.02)


@pytest.mark.slow
def test_two_real_outlets(monkeypatch, capsys, tmp_path):
    pytest.importorskip('pylsl')
    streams = simulate_recording(11, 120.0)
    names = [f'{joint}' for joint in range(51)]
    outlets = (
        outlet(WRIST, 'IMU', AXES, 50.0),
        outlet('camera', 'Pose', names, 30.0),
    )
    stop = threading.Event()
    sender = threading.Thread(
        target=stream, args=(outlets, streams, 0.35, stop)
    )
    sender.start()
    try:
        out = tmp_path / 'live'
        words = ('--duration', '25', '--wait', '2', '--out-dir', str(out))
        assert run_live(monkeypatch, '--list', '--wait', '2') == 0
        listed = capsys.readouterr().out
        assert 'right_wrist: type IMU' in listed and 'camera' in listed
        status = run_live(monkeypatch, *words)
        shown = capsys.readouterr().out
        assert status == 0, shown
    finally:
        stop.set()
        sender.join()
    answer = json.loads((out / 'sync.json').read_text())
    assert answer['offset_s'] == pytest.approx(-0.35, abs=0.02)
    assert answer['confidence'] > 0.7 and not answer['abstained']
    assert answer['sensors'] == [WRIST]
    assert 'sensor time = video time - 0.35' in shown


def live_session(fake, change, labels=AXES):
    """A sensor and a skeleton whose chunks are changed as they arrive."""
    streams = simulate_recording(0, 16.0, offset=0.5)
    sensor, pose = streams.imu[WRIST], streams.pose
    values = np.hstack([sensor.channels['acc'], sensor.channels['gyro']])
    points = np.concatenate([pose.keypoints, pose.scores[..., None]], 2)
    rows = {
        WRIST: (sensor.clock.at(), values.astype(float)),
        'cam': (
            pose.clock.at(),
            points.reshape(len(points), -1).astype(float),
        ),
    }
    library = fake()

    def pull_chunk(inlet, timeout):
        times, data = change(inlet._info.name(), *map(np.copy, inlet.rows))
        inlet.rows = [part[len(part) :] for part in inlet.rows]
        return data.tolist(), times.tolist()

    def take(inlet, info, **options):
        inlet._info, inlet.rows = info, list(rows[info.name()])

    library.StreamInlet = type(
        'Inlet',
        (FakeLsl.StreamInlet,),
        {'__init__': take, 'pull_chunk': pull_chunk},
    )
    session = lsl.LiveSession(
        [Info(WRIST, 'IMU', labels, ['m/s2'], 6)],
        Info('cam', 'Pose', None, count=51),
    )
    for inlet in (*session.sensors, session.pose):
        inlet.push(session.live)
        inlet.push(session.live)  # of nothing
    return session


def test_samples_without_a_time_do_not_end_a_recording(fake):
    def change(name, times, data):
        times[100::7] = [np.nan, np.inf, -np.inf][len(name) % 3]
        return times, data

    session = live_session(fake, change)
    assert session.live.state().offset == pytest.approx(0.5, abs=0.05)
    said = [note for note in session.notes() if 'not finite' in note]
    assert len(said) == 2


def test_points_out_of_reach_are_not_seen(fake):
    def change(name, times, data):
        if name == 'cam':
            data[:, 0] = 1e18
            data[50:60] = -1e300
        return times, data

    session = live_session(fake, change)
    assert session.live.state().offset == pytest.approx(0.5, abs=0.05)
    assert session.answer()['offset_s'] == pytest.approx(0.5, abs=0.05)


def test_times_that_stand_still_fill_no_memory(fake, monkeypatch):
    monkeypatch.setattr(lsl, '_FIRST_MOST', 50)

    def change(name, times, data):
        return np.zeros_like(times), data

    session = live_session(fake, change)
    assert all(s._early is None for s in session.sensors)
    assert session.live.state().abstained


def test_labels_that_are_too_many_or_too_few(fake):
    session = live_session(
        fake, lambda name, *rows: rows, [*AXES, 'quat_w', 'quat_x']
    )
    assert session.sensors[0].labels == AXES
    assert session.sensors[0].units == ['m/s2', '', '', '', '', '']


def test_a_stream_that_went_away_is_named(fake, monkeypatch):
    fake()

    def gone(inlet, timeout):
        raise RuntimeError('timeout')  # as those of pylsl are

    monkeypatch.setattr(FakeLsl.StreamInlet, 'info', gone)
    with pytest.raises(ValueError, match=f'stream {WRIST} does not say what'):
        lsl.SensorInlet(Info(WRIST, 'IMU', AXES), {})
