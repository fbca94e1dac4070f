"""Exports: against closed forms, and read by other programs' rules."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from raw_videos import write_video

from mobind_mm.apis.exports import (
    Take,
    align_sensors,
    read_answer,
    times_of_rows,
    write_exports,
)
from mobind_mm.apis.synchronizing import export_imu
from mobind_mm.recordings import Clock, PoseStream, Recording, SensorStream
from mobind_mm.skeleton import get_layout
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.utils.video import VideoReader, frame_times
from mobind_mm.utils.video_writing import trim_video
from mobind_mm.visualization.preview import write_preview

FPS = 25.0
TIMES = np.arange(250) / FPS


def answer(offset=2.0, drift=0.0, **changes):
    video = [0.0, 10.0]
    return {
        'offset_s': offset,
        'drift_ppm': drift,
        'abstained': False,
        'reason': '',
        'sensors': ['right_wrist', 'left_thigh'],
        'clock': {
            'video_s': video,
            'offset_s': [offset + 1e-6 * drift * t for t in video],
        },
        'unknown': [],
        **changes,
    }


def ramp(times, rate=1.0):
    """A sensor whose acceleration is its own clock, times a rate."""
    acc = rate * np.asarray(times)[:, None] * [1.0, -2.0, 0.5]
    return SensorStream(
        Clock(len(times), times=np.asarray(times)), {'acc': acc}
    )


def wrist(start=0.0, end=15.0, rate=103.0):
    return ramp(np.arange(start, end, 1 / rate))


def pose():
    names = get_layout('coco')
    points = np.arange(250 * len(names) * 2, dtype=np.float32)
    points = 1 + points.reshape(250, len(names), 2) % 700
    scores = np.ones(points.shape[:2], np.float32)
    scores[3, 5] = scores[4, -1] = 0
    return PoseStream(Clock(250, rate=FPS), points, scores, 'coco', (720, 960))


def gaps_of(aligned):
    return [(g.sensor, g.start, g.end, g.rows, g.why) for g in aligned.gaps]


def test_values_are_those_of_the_frames_times():
    aligned = align_sensors(
        {'right_wrist': wrist()}, answer(2.0, 500.0), TIMES
    )
    table = aligned.table()
    own = TIMES + 2.0 + 5e-4 * TIMES
    assert np.allclose(table['right_wrist_acc_x'], own, atol=1e-9)
    assert np.allclose(table['right_wrist_acc_y'], -2 * own, atol=1e-9)
    assert (table['frame'] == np.arange(250)).all()
    assert aligned.gaps == () and aligned.complete().all()


def test_orientations_turn_evenly():
    times = np.arange(0, 15, 0.5)  # sparse: 0.5 rad apart
    quat = np.zeros((len(times), 4))
    quat[:, 0], quat[:, 3] = np.cos(times / 2), np.sin(times / 2)
    quat[7:] *= -1  # the same orientations
    stream = SensorStream(Clock(len(times), times=times), {'quat': quat})
    aligned = align_sensors({'pelvis': stream}, answer(), TIMES)
    found = np.asarray(aligned.imu['pelvis'].channels['quat'])
    half = (TIMES + 2.0) / 2
    dots = found[:, 0] * np.cos(half) + found[:, 3] * np.sin(half)
    assert np.allclose(np.abs(dots), 1, atol=1e-9)


def test_nothing_is_made_up():
    own = np.concatenate([np.arange(3.0, 6.0, 0.01), np.arange(7, 11, 0.01)])
    aligned = align_sensors(
        {'right_wrist': ramp(own)}, answer(unknown=[[7.0, 7.5]]), TIMES
    )
    assert gaps_of(aligned) == [
        ('right_wrist', 0.0, 0.96, 25, 'before the first sample'),
        ('right_wrist', 4.0, 4.96, 25, 'the sensor has no samples'),
        ('right_wrist', 7.0, 7.48, 13, 'the offset is unknown'),
        ('right_wrist', 9.0, 9.96, 25, 'after the last sample'),
    ]
    table = aligned.table()
    empty = table['right_wrist_acc_x'].isna()
    assert empty.sum() == 25 + 25 + 13 + 25
    known = ~empty
    assert np.allclose(table['right_wrist_acc_x'][known], TIMES[known] + 2)


def test_a_clock_that_jumps_has_a_gap_where_it_does():
    # One second of samples was lost at video second 5: 1 s of video has none.
    clock = {
        'video_s': [0.0, 5.0, 6.001, 10.0],
        'offset_s': [2.0, 2.0, 1.0, 1.0],
    }
    jumps = [{'video_s': 5.0, 'seconds': -1.0}]
    found = answer(clock=clock, jumps=jumps)
    aligned = align_sensors({'right_wrist': wrist()}, found, TIMES)
    ((_, start, end, rows, why),) = gaps_of(aligned)
    # When a clock jumped is known to 0.75 s.
    assert (start, end, rows, why) == (4.28, 6.72, 62, 'the clock jumps')
    values = aligned.table()['right_wrist_acc_x']
    later = TIMES > 6.75
    assert np.allclose(values[later], TIMES[later] + 1.0)


def test_a_sensor_with_a_clock_of_its_own():
    own = {**answer(3.0), 'unknown': [[0.0, 1.0]]}
    lost = {**answer(9.0), 'abstained': True, 'reason': 'wrong limb or person'}
    imu = {name: wrist() for name in ('right_wrist', 'left_thigh', 'head')}
    clocks = {'left_thigh': own, 'head': lost}
    aligned = align_sensors(imu, answer(sensor_clocks=clocks), TIMES)
    table = aligned.table()
    assert np.allclose(table['right_wrist_acc_x'], TIMES + 2)
    assert table['left_thigh_acc_x'].isna().sum() == 26
    assert np.allclose(table['left_thigh_acc_x'][26:], TIMES[26:] + 3)
    assert not [name for name in table if name.startswith('head')]
    assert 'head: left out' in aligned.notes[0]


def test_sensors_on_the_video_clock_as_files(tmp_path):
    lost = {**answer(9.0), 'abstained': True, 'reason': 'wrong limb or person'}
    doubted = {**answer(), 'abstained': True, 'reason': 'weak'}
    clocks = {'left_thigh': answer(3.0), 'head': lost, 'pelvis': doubted}
    found = answer(sensor_clocks=clocks)
    whole, part = wrist(), wrist()
    part = part.cut(np.delete(np.arange(len(whole.clock.at())), [7, 8, 40]))
    imu = {'right_wrist': whole, 'pelvis': part, 'left_thigh': whole}
    files = export_imu({**imu, 'head': whole}, found, tmp_path / 'imu.csv')
    names = ['imu_right_wrist_pelvis.csv', 'imu_left_thigh.csv']
    assert [file.name for file in files] == names
    table = pd.read_csv(files[0])
    assert np.allclose(
        table['right_wrist_acc_x'], table['time'] + 2, atol=1e-5
    )
    known = table['pelvis_acc_x'].notna()
    assert np.flatnonzero(~known).tolist() == [7, 8, 40]
    assert np.allclose(
        table['pelvis_acc_x'][known], table['time'][known] + 2, atol=1e-5
    )


def test_rows_at_a_rate():
    aligned = align_sensors(
        {'right_wrist': wrist()}, answer(), TIMES, rate=100.0
    )
    table = aligned.table()
    assert np.allclose(np.diff(table['time']), 0.01)
    assert np.allclose(table['right_wrist_acc_x'], table['time'] + 2)
    shown = np.searchsorted(TIMES, table['time'] + 1e-9, 'right') - 1
    assert (table['frame'] == shown).all()


def written(tmp_path, *names, **changes):
    imu = {'right_wrist': wrist(), 'left_thigh': wrist(4.0)}
    take = Take(imu, answer(), TIMES, pose())
    files, notes = write_exports(names, replace(take, **changes), tmp_path)
    return {file.name: file for file in files}, notes


def test_csv_and_parquet_are_the_same_table(tmp_path):
    pytest.importorskip('pyarrow')
    files, _ = written(tmp_path, 'csv', 'parquet')
    text = pd.read_csv(files['aligned.csv'])
    table = pd.read_parquet(files['aligned.parquet'])
    assert list(text) == list(table)
    assert np.allclose(text, table, rtol=1e-6, equal_nan=True)
    assert text['left_thigh_acc_x'].isna().sum() == 50
    facts = json.loads(files['export.json'].read_text('utf-8'))
    assert facts['gaps'] == [
        {
            'sensor': 'left_thigh',
            'start': 0.0,
            'end': 1.96,
            'rows': 50,
            'why': 'before the first sample',
        }
    ]
    assert facts['units']['left_thigh_acc_x'] == 'm/s²'


def test_times_of_long_recordings_keep_their_microseconds(tmp_path):
    times = 36_000 + np.arange(3) / 30
    take = Take({'head': wrist(36_000, 36_010)}, answer(), times)
    clock = {'video_s': [0.0, 1.0], 'offset_s': [2.0, 2.0]}
    take = replace(take, answer=answer(clock=clock))
    files, _ = write_exports(['csv'], take, tmp_path)
    found = pd.read_csv(files[0])['time']
    assert np.allclose(found, times, atol=5e-7, rtol=0)


ELEMENTS = {  # of EAFv3.0.xsd: attributes that it requires, children in order
    'ANNOTATION_DOCUMENT': (
        {'DATE', 'AUTHOR', 'VERSION'},
        ('HEADER', 'TIME_ORDER', 'TIER', 'LINGUISTIC_TYPE'),
    ),
    'HEADER': (
        set(),
        ('MEDIA_DESCRIPTOR', 'LINKED_FILE_DESCRIPTOR', 'PROPERTY'),
    ),
    'MEDIA_DESCRIPTOR': ({'MEDIA_URL', 'MIME_TYPE'}, ()),
    'LINKED_FILE_DESCRIPTOR': ({'LINK_URL', 'MIME_TYPE'}, ()),
    'PROPERTY': (set(), ()),
    'TIME_ORDER': (set(), ('TIME_SLOT',)),
    'TIME_SLOT': ({'TIME_SLOT_ID'}, ()),
    'TIER': ({'TIER_ID', 'LINGUISTIC_TYPE_REF'}, ('ANNOTATION',)),
    'ANNOTATION': (set(), ('ALIGNABLE_ANNOTATION',)),
    'ALIGNABLE_ANNOTATION': (
        {'ANNOTATION_ID', 'TIME_SLOT_REF1', 'TIME_SLOT_REF2'},
        ('ANNOTATION_VALUE',),
    ),
    'ANNOTATION_VALUE': (set(), ()),
    'LINGUISTIC_TYPE': ({'LINGUISTIC_TYPE_ID'}, ()),
}


def follows_schema(element):
    required, order = ELEMENTS[element.tag]
    assert required <= {*element.attrib}, element.tag
    places = [order.index(child.tag) for child in element]
    assert places == sorted(places), element.tag
    for child in element:
        follows_schema(child)


@pytest.mark.parametrize('portable', [False, True])
def test_elan(tmp_path, portable):
    video = tmp_path / 'my take.mp4'
    files, _ = written(tmp_path, 'elan', video=video, portable=portable)
    root = ElementTree.parse(files['my take.eaf']).getroot()
    follows_schema(root)
    media = root.find('HEADER/MEDIA_DESCRIPTOR').attrib
    assert media['RELATIVE_MEDIA_URL'].endswith('my take.mp4')
    assert media['MEDIA_URL'].startswith('./' if portable else 'file:///')
    slots = {
        slot.get('TIME_SLOT_ID'): int(slot.get('TIME_VALUE'))
        for slot in root.iter('TIME_SLOT')
    }
    (gap,) = root.iter('ALIGNABLE_ANNOTATION')
    found = [slots[gap.get(f'TIME_SLOT_REF{i}')] for i in (1, 2)]
    assert found == [0, 2000]
    # As ELAN reads it: columns count from 0, NaN is no value, times with a
    # point are seconds.
    series = ElementTree.parse(files['my take_tsconf.xml']).getroot()
    source = series.find('tracksource')
    lines = files['my take_sensors.csv'].read_text().splitlines()
    rows = [line.split(',') for line in lines]
    at = int(source.get('time-column'))
    assert [float(row[at]) for row in rows[1:]] == pytest.approx(TIMES)
    assert all('.' in row[at] for row in rows[1:])
    tracks = {t.get('name'): t for t in source.iter('track')}
    column = int(
        tracks['left_thigh_acc_z'].find('sample-position/pos').get('col')
    )
    values = np.array([float(row[column]) for row in rows[1:]])
    assert np.isnan(values[:50]).all()
    assert np.allclose(values[50:], 0.5 * (TIMES[50:] + 2), rtol=1e-6)
    assert all(len(row) == len(rows[0]) for row in rows)


def test_label_studio(tmp_path):
    files, _ = written(tmp_path, 'label-studio', video=tmp_path / 'take.mp4')
    (task,) = json.loads(files['label_studio.json'].read_text('utf-8'))
    view = ElementTree.parse(files['label_studio.xml']).getroot()
    series, video = view.find('TimeSeries'), view.find('Video')
    assert series.get('sync') == video.get('sync')
    assert float(video.get('frameRate')) == pytest.approx(FPS)
    data = task['data'][series.get('value')[1:]]
    assert data[series.get('timeColumn')][0] == 0  # or the player is late
    channels = [c.get('column') for c in series.iter('Channel')]
    assert {*channels} == {*data} - {'time'}
    assert data['left_thigh_acc_x'][:50] == [None] * 50
    assert np.allclose(data['right_wrist_acc_x'], TIMES + 2, atol=1e-6)
    assert task['data'][video.get('value')[1:]].endswith('take.mp4')
    labels = view.find('TimeSeriesLabels')
    assert labels.get('toName') == series.get('name')


def test_sto_leaves_rows_with_a_gap_out(tmp_path):
    files, notes = written(tmp_path, 'sto')
    lines = files['accelerations.sto'].read_text().splitlines()
    end = lines.index('endheader')
    header = dict(line.split('=') for line in lines[:end])
    assert header['DataType'] == 'Vec3' and float(header['DataRate']) == FPS
    names = lines[end + 1].split('\t')
    assert names == ['time', 'radius_r_imu', 'femur_l_imu']
    rows = [line.split('\t') for line in lines[end + 2 :]]
    times = np.array([float(row[0]) for row in rows])
    assert np.allclose(times, TIMES[50:], atol=1e-6)
    vectors = np.array([list(map(float, r[2].split(','))) for r in rows])
    assert np.allclose(vectors[:, 1], -2 * (times + 2), rtol=1e-6)
    assert any('50 of 250 rows' in note for note in notes)


def test_trc(tmp_path):
    files, _ = written(tmp_path, 'trc')
    lines = files['keypoints.trc'].read_text().splitlines()
    facts = dict(zip(lines[1].split('\t'), lines[2].split('\t')))
    names = lines[3].split('\t')[2::3]
    names = [name for name in names if name]
    assert tuple(names) == tuple(get_layout('coco'))
    assert facts['NumMarkers'] == str(len(names))
    assert facts['NumFrames'] == str(len(lines) - 5) == '250'
    row = lines[5 + 3].split('\t')
    keypoints = pose().keypoints
    assert row[2 + 3 * 5 : 5 + 3 * 5] == ['', '', '']  # not detected
    x, y, z = map(float, row[2 + 3 * 4 : 5 + 3 * 4])
    assert x == pytest.approx(keypoints[3, 4, 0])
    assert (720 - y, z) == (pytest.approx(keypoints[3, 4, 1]), 0)
    # OpenSim's TRCFileAdapter counts no empty cell at the end of a line.
    counts = {len(x.split('\t')) - x.endswith('\t') for x in lines[5:]}
    assert counts == {2 + 3 * len(names)}
    read = pd.read_csv(
        files['keypoints.trc'], sep='\t', skiprows=5, header=None
    )
    assert read.iloc[4, -3:].isna().all() and read.iloc[3, -3:].notna().all()


def test_a_refused_answer_is_not_exported(tmp_path):
    refused = answer(abstained=True, reason='still')
    with pytest.raises(ValueError, match='was refused'):
        written(tmp_path, 'csv', answer=refused)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    'content',
    ['', '[]', '{}', '{"clock": 3}', '{"clock": {"video_s": [0, "x"]}}', '['],
)
def test_what_is_no_sync_json(tmp_path, content):
    path = tmp_path / 'sync.json'
    path.write_text(content)
    with pytest.raises(ValueError, match='is not what mobind sync writes'):
        read_answer(path)


def test_sync_json_is_read_back(tmp_path):
    path = tmp_path / 'sync.json'
    path.write_text(json.dumps(answer(1.5)))
    assert read_answer(path)['offset_s'] == 1.5


# ``clip.mp4``: its frames, sound and table, decoded by PyAV

CLIP_TIMES = np.cumsum(np.r_[0, np.tile([0.03, 0.05], 30)])  # not even, 2.4 s


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    pytest.importorskip('av')
    path = tmp_path_factory.mktemp('video') / 'take.mp4'
    return write_video(path, CLIP_TIMES, sound=True)


def onset(path):
    """Second after the first frame at which the tone begins."""
    import av

    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        audio = container.streams.audio[0]
        codec = audio.codec_context.name
        for frame in container.decode(audio):
            loud = np.abs(frame.to_ndarray()[0]) > 0.1
            if loud.any():
                late = int(np.argmax(loud)) / frame.sample_rate
                return frame.time + late - first, codec
    return None, codec


def test_frames_and_sound_keep_their_times(video, tmp_path):
    import av

    path = tmp_path / 'clip.mp4'
    done = []
    first, stop, notes = trim_video(
        video, path, 0.2, 1.61, lambda *counts: done.append(counts)
    )
    assert done[-1] == (stop - first, stop - first) and len(done) > 5
    assert CLIP_TIMES[first] <= 0.2 < CLIP_TIMES[first + 1]
    assert CLIP_TIMES[stop - 1] <= 1.61 < CLIP_TIMES[stop] and notes == []
    expected = CLIP_TIMES[first:stop] - CLIP_TIMES[first]
    assert np.allclose(frame_times(path), expected, atol=0.0011)
    with av.open(str(path)) as container:
        images = [
            float(frame.to_ndarray(format='gray')[20:, 40:].mean())
            for frame in container.decode(video=0)
        ]
    shades = 25 * np.arange(first, stop) % 250
    assert np.abs(np.array(images) - shades).max() < 12
    before, codec = onset(video)
    after, copied = onset(path)
    assert codec.startswith('aac') and copied.startswith('aac')
    assert before == pytest.approx(0.5, abs=0.13)
    assert after == pytest.approx(before - CLIP_TIMES[first], abs=0.002)


def test_the_clip_has_its_table(video, tmp_path):
    own = np.arange(0, 10, 0.01)
    imu = {
        'head': SensorStream(
            Clock(len(own), times=own), {'acc': own[:, None] * [1, 1, 1]}
        )
    }
    clock = {'video_s': [0.0, 1.0], 'offset_s': [-0.4, -0.4]}
    answer = {
        'offset_s': -0.4,
        'drift_ppm': 0.0,
        'abstained': False,
        'clock': clock,
    }
    take = Take(imu, answer, frame_times(video), None, video)
    files, notes = write_exports(['video'], take, tmp_path)
    table = pd.read_csv(tmp_path / 'clip.csv')
    assert np.allclose(table['time'], frame_times(files[0]), atol=0.0011)
    assert table['video_time'].iloc[0] == pytest.approx(0.4, abs=0.05)
    assert table['video_time'].iloc[0] >= 0.4
    assert np.allclose(table['head_acc_x'], table['video_time'] - 0.4)
    assert 'second 0 is second' in notes[-1]


def test_times_of_frames_that_were_given_are_those_of_the_rows(
    video, tmp_path
):
    given = tmp_path / 'times.csv'
    for by, same in ((0.0, True), (100.0, False)):
        pd.DataFrame({'time': CLIP_TIMES + by}).to_csv(given, index=False)
        rows = times_of_rows(['csv'], None, video, given)
        assert np.allclose(rows, CLIP_TIMES + by)
        for name in ('elan', 'video'):
            if same:
                times_of_rows([name], None, video, given)
                continue
            with pytest.raises(ValueError, match=f'and {name} shows them'):
                times_of_rows([name], None, video, given)
    assert np.allclose(times_of_rows(['video'], None, video), CLIP_TIMES)
    assert (times_of_rows(['csv'], pose(), None, given) == TIMES).all()


def test_a_preview_shows_the_frames_of_the_times_that_were_given(
    video, tmp_path, monkeypatch
):
    pytest.importorskip('cv2')
    shown = []
    monkeypatch.setattr(
        VideoReader, 'frame', lambda self, index: shown.append(index)
    )
    streams = simulate_recording(seed=0, seconds=12.0)
    count = len(CLIP_TIMES)
    slow = replace(
        streams.pose.cut(slice(0, count)),
        clock=Clock(count, times=3.0 + 4.0 * CLIP_TIMES),
    )
    path = tmp_path / 'preview.webp'
    write_preview(Recording(streams.imu, slow), path, video, 5.0, 1.0)
    assert shown == [
        i for i, t in enumerate(3.0 + 4.0 * CLIP_TIMES) if 5.0 <= t < 6.001
    ]


def test_a_part_that_is_not_there(video, tmp_path):
    with pytest.raises(ValueError, match='has no frame from 5.000'):
        trim_video(video, tmp_path / 'clip.mp4', 5.0, 6.0)
    assert not (tmp_path / 'clip.mp4').exists()


@pytest.mark.parametrize('rate', [1e9, 0.0, -1.0, float('nan')])
def test_rows_without_end(rate):
    answer = {
        'clock': {'video_s': [0.0, 1.0], 'offset_s': [0.5, 0.5]},
        'drift_ppm': 0.0,
        'abstained': False,
    }
    wrist = SensorStream(Clock(100, rate=100.0), {'acc': np.zeros((100, 3))})
    with pytest.raises(ValueError, match='rate: .* makes .* rows'):
        align_sensors({'head': wrist}, answer, np.arange(9.0), rate)


LINE = {'video_s': [0.0, 9.0], 'offset_s': [1.5, 1.5]}


ANSWER = {
    'offset_s': 1.5,
    'drift_ppm': 0.0,
    'abstained': False,
    'reason': '',
    'clock': LINE,
    'unknown': [[1.0, 2.0]],
    'jumps': [{'video_s': 5.0, 'seconds': 0.5}],
    'notes': ['one'],
}


def test_a_whole_answer(tmp_path):
    path = tmp_path / 'sync.json'
    path.write_text(json.dumps(ANSWER))
    assert read_answer(path) == ANSWER


@pytest.mark.parametrize(
    'change',
    [
        {'abstained': True},  # KeyError: why?
        {'abstained': 'no'},
        {'drift_ppm': 10**400},  # OverflowError
        {'clock': {**LINE, 'offset_s': [0, 10**400]}},
        {'clock': {**LINE, 'video_s': [9.0, 0.0]}},
        {'unknown': [[1, 'a']]},  # UFuncTypeError
        {'unknown': [[None, 2]]},
        {'jumps': [{'video_s': 'x', 'seconds': 1}]},
        {'sensor_clocks': {'head': {'clock': LINE}}},
        {'offset_s': 1e300},
        {'reason': 'odd'},
        {'notes': 5},
    ],
)
def test_odd_values_in_sync_json(tmp_path, change):
    path = tmp_path / 'sync.json'
    path.write_text(json.dumps({**ANSWER, **change}))
    with pytest.raises(ValueError, match=r'sync\.json is not what mobind'):
        read_answer(path)
