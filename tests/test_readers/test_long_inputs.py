"""Long inputs: what is read in large parts is what was read one by one."""

import json
import time

import numpy as np
import pytest
from corruption import check_contained
from raw_pose_tools import RATE, SHAPE, TOOLS, person, write

from mobind_mm.apis.sources import to_imu
from mobind_mm.checks.inspection import inspect_path
from mobind_mm.readers import detections as detections_module
from mobind_mm.readers import table_rows, tracking
from mobind_mm.readers.detections import Detections, Instances
from mobind_mm.readers.files import Video, load_people
from mobind_mm.readers.keys import read_yaml
from mobind_mm.readers.lost_people import unswapped
from mobind_mm.readers.mmpose import read_mmpose_json
from mobind_mm.readers.people import all_people
from mobind_mm.readers.tables import read_table
from mobind_mm.readers.tracking import track_people

JSON_TOOLS = [
    *('openpose', 'openpose_merged', 'openpose_by_name', 'alphapose'),
    *('coco_results', 'ultralytics', 'ultralytics_lists', 'mmpose0x'),
    *('ultralytics_labels', 'mediapipe_json', 'mediapipe_logits'),
]


def _one_by_one(monkeypatch):
    monkeypatch.setattr(detections_module, 'parse_batch', lambda *_: None)


@pytest.mark.parametrize('tool', JSON_TOOLS)
def test_batches_are_the_people_one_by_one(tool, tmp_path, monkeypatch):
    files = TOOLS[tool][0](*person(40))
    path = write(files, tmp_path)
    if path.parent.name in ('json', 'labels'):
        path = path.parent
    video = Video(rate=RATE, img_shape=SHAPE)
    batches = []
    parse = detections_module.parse_batch
    monkeypatch.setattr(
        detections_module,
        'parse_batch',
        lambda *a: batches.append(parse(*a)) or batches[-1],
    )
    together = load_people(path, video)
    assert batches
    assert all(batch is not None for batch in batches)
    _one_by_one(monkeypatch)
    alone = load_people(path, video)
    assert together.keys() == alone.keys()
    for name, pose in together.items():
        np.testing.assert_allclose(
            pose.keypoints, alone[name].keypoints, rtol=1e-6
        )
        np.testing.assert_allclose(pose.scores, alone[name].scores, rtol=1e-6)
        assert pose.notes == alone[name].notes


ODD = {
    'a text': ('keypoints', [['1.5', 2.0]] * 17),
    'true': ('keypoints', [[True, 2.0]] * 17),
    'too few scores': ('keypoint_scores', [0.5] * 16),
    'no box': ('bbox', [9, 9, 1, 1]),
    'beyond an image': ('keypoints', [[1e9, 2.0]] * 17),
    'beyond a float': ('keypoints', [[10**400, 2.0]] * 17),
}


@pytest.mark.parametrize('odd', ODD)
def test_one_odd_person_among_many_is_named(odd, tmp_path, monkeypatch):
    sound = dict(
        keypoints=[[5.0, 2.0]] * 17,
        keypoint_scores=[0.9] * 17,
        bbox=[[0, 0, 9, 9]],
    )
    frames = [dict(frame_id=i, instances=[dict(sound)]) for i in range(30)]
    key, value = ODD[odd]
    frames[20]['instances'][0][key] = value
    path = tmp_path / 'p.json'
    path.write_text(json.dumps(frames))
    with pytest.raises(ValueError, match='frame_id 20, instances.0.') as one:
        read_mmpose_json(path)
    _one_by_one(monkeypatch)
    with pytest.raises(ValueError, match='frame_id 20') as other:
        read_mmpose_json(path)
    assert str(one.value) == str(other.value)


def test_missing_points_are_missing_in_a_batch():
    points = [[5.0, 2.0]] * 15 + [[None, 3.0], [0.0, 0.0]]
    instances = Instances()
    for frame in range(3):
        instances.add(
            frame, dict(keypoints=points, keypoint_scores=[2.0] * 17), 'p'
        )
    found = instances.detections(3, 'p.json')
    assert (found.scores[:, :15] == 1).all()
    assert not found.scores[:, 15:].any()
    assert not found.keypoints[:, 15:].any()
    assert found.notes[0].startswith('p.json: 6 keypoints are at (0, 0)')
    assert (found.boxes == (5, 2, 5, 2)).all()


@pytest.mark.parametrize('seed', range(6))
def test_followed_together_as_frame_by_frame(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    count, k = 600, 17
    path = rng.normal(0, 3, (count, 2)).cumsum(axis=0) + 500
    path[200:] += (400, 0) if seed % 2 else (0, 0)  # somebody else
    body = rng.uniform(-100, 100, (k, 2))
    keypoints = path[:, None] + body + rng.normal(0, 2, (count, k, 2))
    scores = rng.uniform(0, 1, (count, k)) * (rng.random((count, k)) > 0.2)
    frames = np.arange(count) + np.repeat(
        rng.integers(0, 40, 60).cumsum(), count // 60
    )
    frames[-50:] += 100  # away for too long
    rows = np.sort(np.r_[np.arange(count), 300, 301])  # seen twice
    boxes = np.concatenate([keypoints.min(1), keypoints.max(1)], axis=1)
    seen = Detections(
        int(frames[-1]) + 1,
        frames[rows],
        keypoints[rows].astype(np.float32),
        scores[rows].astype(np.float32),
        boxes[rows].astype(np.float32),
        'coco',
    )
    assert followed_alike(seen, 30, monkeypatch, 400) >= 2


def followed_alike(seen, max_gap, monkeypatch, least):
    """How many people, together as one by one; most frames together."""
    runs, follow = [], tracking.follow_together
    monkeypatch.setattr(
        tracking,
        'follow_together',
        lambda *a: runs.append(follow(*a)) or runs[-1],
    )
    together = track_people(seen, max_gap)
    assert sum(runs) > least
    monkeypatch.setattr(tracking, '_RUN', 10**9)
    one_by_one = track_people(seen, max_gap)
    assert len(together) == len(one_by_one)
    for one, other in zip(together, one_by_one):
        np.testing.assert_array_equal(one.instances, other.instances)
    return len(together)


TABLES = {
    'plain': 't,x,name\n' + ''.join(f'{i},{i / 7},a{i}\n' for i in range(50)),
    'no last newline': 't,x,name\n' + '\n'.join(f'{i},2,a' for i in range(50)),
    'a text among numbers': 't,x,name\n'
    + ''.join(f'{i},{"n/a" if i == 40 else i},b\n' for i in range(50)),
    'quotes later on': 't,x,name\n'
    + ''.join(f'{i},{i},b\n' for i in range(30))
    + ''.join(f'{i},"{i}","b,\nc"\n' for i in range(30, 50)),
    'commas': 't;x;name\n' + ''.join(f'{i};{i},5;b\n' for i in range(50)),
    'commas later on': 't;x;name\n'
    + ''.join(f'{i};{i}{",5" * (i > 30)};b\n' for i in range(50)),
    'blank rows': 't,x,name\n1,2,a\n' + '\n,,\n' * 99 + ' ,\t,\n2,3,b\n',
    'dates': 't,x,name\n'
    + ''.join(f'2024-05-01 10:00:{i:02},1,a\n' for i in range(50)),
}


@pytest.mark.parametrize('name', TABLES)
def test_blocks_are_the_whole_table(name, tmp_path, monkeypatch):
    path = tmp_path / 't.csv'
    path.write_text(TABLES[name])
    whole = read_table(path, ['x'], ['t'], ['name'])
    monkeypatch.setattr(table_rows, 'BLOCK', 64)
    parts = read_table(path, ['x'], ['t'], ['name'])
    np.testing.assert_array_equal(parts.lines, whole.lines)
    for column, values in whole.numbers.items():
        np.testing.assert_array_equal(parts.numbers[column], values)
    assert parts.texts == whole.texts
    assert (parts.dates, parts.notes) == (whole.dates, whole.notes)


@pytest.mark.parametrize(
    ('line', 'text', 'what'),
    [
        (40, '1,2', 'row 40: 2 cells'),
        (40, '1,2,a' + ',b' * 256, 'row 40: 259 cells'),
        (40, '1,x,a', "row 40, column 'x': 'x'.* is not a number"),
        (40, '1,\0,a', 'row 40.* NUL'),
        (40, '1,1e999,a', "row 40, column 'x'.* is not finite"),
    ],
)
def test_mistakes_in_later_blocks_are_named(
    line, text, what, tmp_path, monkeypatch
):
    lines = ['t,x,name', *(f'{i},1,a' for i in range(60))]
    lines[line - 1] = text
    path = tmp_path / 't.csv'
    path.write_text('\n'.join(lines))
    with pytest.raises(ValueError) as whole:
        read_table(path, ['x'], ['t'], ['name'])
    monkeypatch.setattr(table_rows, 'BLOCK', 64)
    with pytest.raises(ValueError, match='row 40') as parts:
        read_table(path, ['x'], ['t'], ['name'])
    assert str(parts.value) == str(whole.value)


@pytest.mark.parametrize('mark', [b',', b'\t'])
def test_rows_that_are_full(mark):
    rng, answers = np.random.default_rng(0), []
    cells = [b'1', b'-2.5', b'a', b'', b' ', b'\t']
    for trial in range(300):
        rows = [
            mark.join(rng.choice(cells[: 3 + trial % 4], width))
            for width in rng.choice(
                [2, 3, 258, 259], 4, p=[0.1, 0.7, 0.1, 0.1]
            )
        ]
        full = all(
            len(row.split(mark)) == 3 and row.strip(mark + b' \t')
            for row in rows
        )
        found = table_rows._is_full(b''.join(r + b'\n' for r in rows), mark, 3)
        assert full or not found
        answers += [found] * full
    assert np.mean(answers) > 0.3  # others may be full, but have blanks
    assert table_rows._is_full(b'', b',', 3)


@pytest.mark.parametrize('seed', range(8))
def test_several_followed_together_as_frame_by_frame(seed, monkeypatch):
    """People cross, hide, come in other orders, and are seen twice."""
    rng = np.random.default_rng(seed)
    count, people, k = 400, 2 + seed % 3, 17
    pace = rng.normal(0, 4, (people, 1, 2)) * (1, 0.1)
    places = pace * (np.arange(count)[:, None] - count / 2)
    places = places + rng.normal(0, 1, (people, count, 2)).cumsum(axis=1)
    bodies = rng.uniform(-100, 100, (people, 1, k, 2))
    points = places[:, :, None] + bodies + 700
    points += rng.normal(0, 2, points.shape)
    parts = [[], []]
    for frame in range(count):
        here = [p for p in range(people) if (frame + 90 * p) % 150 > 12 * p]
        if frame % 41 == 7:
            here.append(here[0])  # twice
        for who in rng.permutation(here):
            parts[0].append(frame + 3 * (frame > 200))
            noise = rng.normal(0, 1, (k, 2))
            parts[1].append(points[who, frame] + noise)
    frames, keypoints = np.array(parts[0]), np.array(parts[1], np.float32)
    scores = rng.uniform(0.3, 1, keypoints.shape[:2]).astype(np.float32)
    boxes = np.concatenate([keypoints.min(1), keypoints.max(1)], axis=1)
    seen = Detections(
        int(frames[-1]) + 1, frames, keypoints, scores, boxes, 'coco'
    )
    assert followed_alike(seen, 20, monkeypatch, count / 4) >= people


def test_hundreds_who_pass_by_are_not_in_memory_at_once(tmp_path):
    """Each has all frames of the video: together they are 2 GB."""
    people, frames = 500, 20_000
    points = np.ones((people, 17, 2), np.float32)
    seen = Detections(
        frames,
        np.arange(people) * 40,
        points * (1 + np.arange(people))[:, None, None],
        points[..., 0],
        np.tile([0, 0, 9, 9], (people, 1)),
        'coco',
        np.arange(people),
    )
    video = Video(rate=30.0, img_shape=(1080, 1920))

    def look():
        found = all_people(seen, video, 0.0)
        assert len(found) == people and 499 in found and 500 not in found
        for name, pose in found.items():
            frame = pose.keypoints[40 * name]
            assert (frame == 1 + name).all() and pose.scores[:].sum() == 17
        assert [*found.named()][:2] == ['person 0', 'person 1']

    assert check_contained(look, tmp_path) == 'fine'


def test_identities_that_change_places_all_the_time():
    """The order of a detector: an hour of two people took 45 s."""
    frames = 40_000
    first = np.random.default_rng(0).integers(0, 2, frames)
    boxes = np.array([[0, 0, 9, 9], [100, 0, 109, 9]] * frames)
    points = np.zeros((2 * frames, 17, 2), np.float32)
    seen = Detections(
        *(frames, np.arange(frames).repeat(2), points, points[..., 0]),
        *(boxes, 'coco', np.stack([first, 1 - first], 1).ravel()),
    )
    start = time.process_time()
    ids, note = unswapped(seen)
    assert time.process_time() - start < 4
    assert len({*ids[::2]}) == len({*ids[1::2]}) == 1 and 'places' in note


def test_a_line_without_end_is_not_read_in_parts(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('time,ax,ay,az\n' + 'x' * 10**6)
    problem = inspect_path(path)['problem']
    assert 'a.csv, row 2 has 1,000,000 characters and more' in problem


def test_thousands_of_columns(tmp_path):
    names = [f's{i}_acc_{axis}' for i in range(3000) for axis in 'xyz']
    path = tmp_path / 'a.csv'
    path.write_text(','.join(['time', *names[:-1], 'other']) + '\n1\n')
    start = time.process_time()
    with pytest.raises(ValueError, match="but none 's2999_acc_z'"):
        to_imu(path)
    assert time.process_time() - start < 5


def test_a_mapping_of_megabytes(tmp_path):
    path = tmp_path / 'm.yml'
    path.write_text('imu:\n' + '  a: {file: b}\n' * 70_000)
    with pytest.raises(ValueError, match=r'm\.yml is larger than 1000000'):
        read_yaml(path)
