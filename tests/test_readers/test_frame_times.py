"""Videos whose frames are not even: times of the frames, by all ways."""

import json

import numpy as np
import pytest
from raw_pose_tools import (
    RATE,
    SHAPE,
    alphapose,
    mmaction,
    openpose,
    person,
    write,
)

from mobind_mm.apis.sources import to_people, to_pose
from mobind_mm.readers import convert
from mobind_mm.readers.dates import parse_date
from mobind_mm.readers.files import Video, load_pose
from mobind_mm.readers.frame_times import (
    is_regular,
    read_frame_times,
    regular_rate,
)
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.recordings import read_pose

TIMES = np.r_[np.arange(30) / 30, 1 + np.arange(30) / 22]


@pytest.fixture
def times_file(tmp_path):
    path = tmp_path / 'times.csv'
    path.write_text('\n'.join(['t', *(f'{time:.6f}' for time in TIMES)]))
    return path


@pytest.mark.parametrize(
    ('header', 'scale', 'cells'),
    [
        ('t\n', 1, '{:.6f}'),
        ('', 1, '{:.6f}'),
        ('frame,timestamp_ms\n', 1e3, '7,{:.3f}'),
        ('pts\n', 1e3, '{:.3f}'),
        ('frame;time_us\n', 1e6, '7;{:.0f}'),
        ('timestamp\n', 1e9, '{:.0f}'),
    ],
)
def test_tables_of_times(header, scale, cells, tmp_path):
    path = tmp_path / 'times.csv'
    lines = [cells.format(time * scale) for time in TIMES]
    path.write_text(header + '\n'.join(lines))
    np.testing.assert_allclose(read_frame_times(path), TIMES, atol=1e-3)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('t\n0\n1\n1\n2\n', 'frame 2 is 1 s, which is not later'),
        ('t\n0\n1\n\n2\nx\n', "row 6.*'x', which is not a number"),
        (
            'a,b\n0,1\n1,2\n',
            r"none of its columns \('a', 'b'\) is called time",
        ),
        ('x' * 5000 + ',b\n0,1\n1,2\n', r"its columns \('x{40}', 'b'\) is"),
        ('t\n0\n', 'fewer than two'),
        ('', 'empty|fewer than two'),
    ],
)
def test_damaged_tables_of_times(text, message, tmp_path):
    path = tmp_path / 'times.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_frame_times(path)
    assert str(path) in str(caught.value)


def test_a_date_beside_the_time_of_day(tmp_path):
    # As in tables of sensors, so that the clocks meet.
    rows = [f'2024-05-01,10:00:0{i}' for i in range(4)]
    path = tmp_path / 'times.csv'
    path.write_text('\n'.join(['date,time', *rows]))
    first = parse_date('2024-05-01T10:00:00Z')
    np.testing.assert_array_equal(read_frame_times(path) - first, range(4))


def test_rates_of_times():
    assert regular_rate(np.arange(100) / 25) == 25
    assert regular_rate(np.arange(900) * 1.001 / 30) == pytest.approx(
        30 / 1.001
    )
    assert regular_rate(np.round(np.arange(100) / 30, 3)) == 30
    assert regular_rate(TIMES) is None
    assert is_regular(5 + np.arange(10) / 30, 30.0)


@pytest.mark.parametrize('writer', [openpose, alphapose, mmaction])
def test_times_are_the_clock(writer, tmp_path, times_file):
    source = write(writer(*person()), tmp_path)
    given = {'file': source, 'img_shape': SHAPE, 'times': str(times_file)}
    pose = to_pose(given)
    np.testing.assert_allclose(pose.clock.at(), TIMES, atol=1e-6)
    (other,) = to_people({**given, 'times': TIMES}).values()
    np.testing.assert_allclose(other.clock.at(), TIMES)
    with pytest.raises(ValueError, match='60 frames, but 59 times'):
        to_pose({**given, 'times': TIMES[:59]})
    if writer is not mmaction:  # a rate would contradict
        with pytest.raises(ValueError, match='both a rate and the times'):
            to_pose({**given, 'rate': 30.0})


def test_frames_after_the_last_with_somebody(tmp_path):
    """AlphaPose has no entry for them, OpenPose a file."""
    points, scores = person()
    video = Video(img_shape=SHAPE, times=TIMES)
    few = write(alphapose(points[:50], scores[:50]), tmp_path)
    pose = load_pose(few, video)
    assert pose.clock.num_samples == 60
    assert not pose.scores[50:].any()
    few = write(openpose(points[:50], scores[:50]), tmp_path)
    with pytest.raises(ValueError, match='50 frames, but 60 times'):
        load_pose(few, video)


def test_times_of_the_video(tmp_path):
    """They are used where they vary, and may be a few more or fewer."""
    source = write(openpose(*person()), tmp_path)
    clip = Video(28.0, SHAPE, times=TIMES)
    pose = load_pose(source, Video(clip=clip))
    np.testing.assert_allclose(pose.clock.at(), TIMES)
    assert pose.img_shape == SHAPE
    assert load_pose(source, Video(rate=30.0, clip=clip)).clock.rate == 30.0
    pose = load_pose(source, Video(clip=Video(28.0, SHAPE))).clock
    assert pose.rate == 28.0
    short = Video(28.0, SHAPE, times=TIMES[:59])
    pose = load_pose(source, Video(clip=short))
    np.testing.assert_allclose(pose.clock.at()[:59], TIMES[:59])
    assert any('the video has 59' in note for note in pose.notes)
    with pytest.raises(ValueError, match='60 frames, but 40 times'):
        load_pose(source, Video(clip=Video(28.0, SHAPE, times=TIMES[:40])))
    longer = Video(28.0, SHAPE, times=np.r_[TIMES, 10.0])
    pose = load_pose(source, Video(clip=longer))
    assert pose.clock.num_samples == 61
    assert any('the video has 61' in note for note in pose.notes)


@pytest.mark.parametrize('kind', ['openpose', 'table', 'mmaction'])
def test_times_in_mappings(kind, tmp_path, times_file):
    points, scores = person()
    table = {
        'columns': {'x': '{keypoint}.x', 'y': '{keypoint}.y'},
        'layout': 'coco',
    }
    if kind == 'table':
        rows = [
            ','.join(
                f'{name}.{axis}'
                for name in ('nose', 'left_wrist')
                for axis in 'xy'
            ),
            *(f'{a[0]},{a[1]},{b[0]},{b[1]}' for a, b in points[:, [0, 9]]),
        ]
        source = tmp_path / 'own.csv'
        source.write_text('\n'.join(rows))
    else:
        writer = {'openpose': openpose, 'mmaction': mmaction}[kind]
        source = write(writer(points, scores), tmp_path)
    pose = {'file': source.name, 'format': kind, 'times': 'times.csv'}
    pose.update({'img_shape': [*SHAPE]} if kind != 'mmaction' else {})
    pose.update(table if kind == 'table' else {})
    study = {
        'takes': [
            {'take': 'walk', 'subject': 's', 'split': 'train', 'pose': pose}
        ]
    }
    path = tmp_path / 'study.yml'
    path.write_text(json.dumps(study))
    convert(OwnDataReader(path), tmp_path / 'dst')
    stored = read_pose(tmp_path / 'dst/pose/walk.safetensors')
    np.testing.assert_allclose(stored.clock.at(), TIMES, atol=1e-6)
    # The same keys beside --pose, and alone.
    path.write_text(json.dumps({'pose': pose}))
    for given in (
        {'file': str(path)},
        {'file': source, 'mapping': str(path)},
        {'file': source, 'mapping': {**pose, 'times': str(times_file)}},
    ):
        stream = to_pose(given)
        np.testing.assert_allclose(stream.clock.at(), TIMES, atol=1e-6)
    study['takes'][0]['pose'] = {**pose, 'rate': 30.0}
    path.write_text(json.dumps(study))
    with pytest.raises(ValueError, match='both times and rate are there'):
        convert(OwnDataReader(path), tmp_path / 'dst')


def test_flags_complete_a_mapping(tmp_path):
    points, _ = person()
    rows = ['nx,ny', *(f'{x},{y}' for x, y in points[:, 0] / SHAPE[::-1])]
    source = tmp_path / 'own.csv'
    source.write_text('\n'.join(rows))
    mapping = {
        'columns': {'x': '{keypoint}x', 'y': '{keypoint}y'},
        'keypoint_names': {'nose': 'n'},
    }
    given = {'file': source, 'mapping': mapping}
    pose = to_pose(
        {**given, 'layout': 'coco', 'rate': RATE, 'img_shape': SHAPE}
    )
    assert pose.clock.rate == RATE
    np.testing.assert_allclose(pose.keypoints[:, 0], points[:, 0], atol=0.01)
    assert any('shares of the image' in note for note in pose.notes)
    with pytest.raises(ValueError, match='layout is missing'):
        to_pose({**given, 'rate': RATE, 'img_shape': SHAPE})
    study = {'takes': [{'take': 'a'}]}
    with pytest.raises(ValueError, match='mobind convert tables'):
        to_pose({**given, 'mapping': study})


@pytest.mark.parametrize(
    ('line', 'first'),
    [
        ('frame,{:.6f}', ''),
        ('{:.6f},', ''),
        ('    "best_effort_timestamp_time": "{:.6f}",', '{"frames": ['),
        ('{{"pts_time": "{:.6f}", "dts_time": "0.1"}},', '{"packets": ['),
        ('[FRAME]\npkt_pts_time={:.6f}\n[/FRAME]', ''),
        ('{:.3f}', '# timestamp format v2'),
    ],
)
def test_times_of_ffprobe_and_mkvextract(tmp_path, line, first):
    times = np.arange(60) / 30 + (np.arange(60) > 40) * 0.5
    scale = 1000 if 'v2' in first else 1
    lines = [line.format(t * scale) for t in times[::-1]]
    if not first:
        lines = lines[::-1]
    path = tmp_path / 'times.txt'
    path.write_text('\n'.join([first, *lines] if first else lines) + '\n')
    np.testing.assert_allclose(read_frame_times(path), times, atol=2e-6)
