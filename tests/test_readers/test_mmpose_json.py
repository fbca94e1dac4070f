import itertools
import json
import re
import tracemalloc
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from corruption import check_contained, corruptions
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_mmpose import (
    Seen,
    as_detections,
    coco_meta,
    simulate_crowd,
    write_predictions,
)

from mobind_mm.readers import check_reader, json_items
from mobind_mm.readers.mmpose import (
    MMPoseReader,
    read_mmpose_json,
    read_mmpose_people,
    read_mmpose_person,
)
from mobind_mm.recordings import read_pose, write_pose
from mobind_mm.skeleton import LAYOUTS

VIDEO = dict(rate=30.0, img_shape=(1080, 1920))
ARRAYS = ('frames', 'keypoints', 'scores', 'boxes')


@pytest.fixture(scope='module')
def crowd():
    """1.5 s of two people; nobody in frame 3."""
    frames = simulate_crowd(1, 2, 1.5)
    frames[3] = []
    return frames


@pytest.fixture(scope='module')
def real_file():
    root = Path(__file__).parents[3] / 'shared/data/mmpose_predictions'
    path = root / 'one_person_30fps.json'
    if not path.is_file():
        pytest.skip(f'MMPose predictions are not at {path}')
    return path


def seen(k=17, x=100.0):
    """A skeleton of distinct points and scores."""
    points = x + np.stack([np.arange(k), 2.0 * np.arange(k)], axis=1)
    scores = np.linspace(0.5, 0.9, k)
    return Seen(0, points, scores, np.array([x, x, x + k, x + 2 * k]))


def instance(k=17, **changes):
    one = seen(k)
    made = dict(
        keypoints=one.keypoints.tolist(),
        keypoint_scores=one.scores.tolist(),
        bbox=[one.box.tolist()],
    )
    made.update(changes)
    return {key: v for key, v in made.items() if v is not KeyError}


def write(path, content):
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content)
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return path


def one_frame(*instances):
    return [{'frame_id': 0, 'instances': list(instances)}]


@pytest.mark.parametrize(
    ('shape', 'first', 'box', 'columns'),
    list(
        itertools.product(('list', 'dict'), (0, 1), ('nested', 'flat'), (2, 3))
    ),
)
def test_spellings_give_the_same(tmp_path, crowd, shape, first, box, columns):
    path = write_predictions(
        tmp_path / 'p.json',
        crowd,
        shape,
        first=first,
        box=box,
        columns=columns,
        meta=coco_meta(),
        indent=columns,
    )
    found, (expected, _) = read_mmpose_json(path), as_detections(crowd)
    assert found.num_frames == expected.num_frames == 45
    assert found.layout == 'coco'
    assert 3 not in found.frames and 4 in found.frames
    for name in ARRAYS:
        np.testing.assert_array_equal(
            getattr(found, name), getattr(expected, name), err_msg=name
        )
        assert getattr(found, name).dtype == getattr(expected, name).dtype


def test_box_from_keypoints(tmp_path, crowd):
    path = write_predictions(tmp_path / 'p.json', crowd, box='none')
    found = read_mmpose_json(path)
    assert (found.scores == 0).any()  # these are (0, 0) and do not count
    for box, points, scores in zip(found.boxes, found.keypoints, found.scores):
        there = points[scores > 0]
        expected = [*there.min(axis=0), *there.max(axis=0)]
        np.testing.assert_array_equal(box, expected)


def test_real_file_equals_its_json(real_file):
    content = json.loads(real_file.read_text())
    found = read_mmpose_json(real_file)
    assert (found.num_frames, len(found.frames)) == (273, 273)
    people = [frame['instances'][0] for frame in content]
    for name, key in (('keypoints', 'keypoints'), ('boxes', 'bbox')):
        expected = np.float32([person[key] for person in people])
        np.testing.assert_array_equal(
            getattr(found, name), expected.reshape(getattr(found, name).shape)
        )
    scores = np.float32([person['keypoint_scores'] for person in people])
    assert scores.max() > 1  # so the clip matters
    np.testing.assert_array_equal(found.scores, np.minimum(scores, 1))
    person = read_mmpose_person(real_file, **VIDEO)
    np.testing.assert_array_equal(person.keypoints, found.keypoints)
    assert person.clock.span == pytest.approx((0, 272 / 30))


def test_frames_in_any_order_and_missing(tmp_path):
    def frame(number, x):
        one = seen(x=x)
        made = instance(keypoints=one.keypoints.tolist(), bbox=KeyError)
        return {'frame_id': number, 'instances': [made]}

    content = [frame(5, 50.0), frame(1, 10.0), frame(3, 30.0)]
    found = read_mmpose_json(write(tmp_path / 'p.json', content))
    assert found.num_frames == 5  # counted from 1; 2 and 4 are not listed
    assert found.frames.tolist() == [0, 2, 4]
    assert found.keypoints[:, 0, 0].tolist() == [10, 30, 50]
    same = read_mmpose_json(tmp_path / 'p.json', first_frame=0)
    assert (same.num_frames, same.frames.tolist()) == (6, [1, 3, 5])


def test_first_frame_must_be_known(tmp_path):
    content = [{'frame_id': i, 'instances': [instance()]} for i in (7, 9)]
    path = write(tmp_path / 'p.json', content)
    with pytest.raises(ValueError, match='smallest frame_id is 7.*first_fr'):
        read_mmpose_json(path)
    with pytest.raises(ValueError, match='frame_id 7 comes before .* 8'):
        read_mmpose_json(path, first_frame=8)
    assert read_mmpose_json(path, first_frame=7).frames.tolist() == [0, 2]


def test_null_nan_and_scores_out_of_range(tmp_path):
    points = seen().keypoints.tolist()
    points[0], points[1], points[2] = [None, 5.0], [float('nan'), 5.0], [7, 9]
    scores = [0.5] * 17
    scores[3], scores[4], scores[5], scores[6] = None, 1.25, -0.1, 1
    scores[7] = 1e300  # beyond float32, as in damaged files
    odd = instance(keypoints=points, keypoint_scores=scores, bbox=KeyError)
    nobody = instance(keypoint_scores=[0.0] * 17)
    path = write(tmp_path / 'p.json', one_frame(odd, nobody))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found = read_mmpose_json(path)
    assert len(found.frames) == 1  # of nobody there is nothing
    assert found.scores[0, :8].tolist() == [0, 0, 0.5, 0, 1, 0, 1, 1]
    assert found.keypoints[0, :3].tolist() == [[0, 0], [0, 0], [7, 9]]
    assert found.boxes[0].tolist() == [7, 9, 116, 132]


@pytest.mark.parametrize(
    ('k', 'meta', 'wanted', 'expected'),
    [
        (17, {}, None, 'coco'),
        (26, {}, None, 'halpe26'),
        (133, {}, None, 'coco_wholebody'),
        (17, {}, 'h36m', 'h36m'),
        (17, {'dataset_name': 'h36m'}, None, 'h36m'),
        (17, {'dataset_name': 'h36m', 'names': 'coco'}, None, 'coco'),
        (17, {'names': 'h36m'}, None, 'h36m'),
        (17, {'names': 'h36m'}, 'h36m', 'h36m'),
        (17, {'dataset_name': 'own'}, None, 'coco'),
        (21, {}, None, 'its 21 keypoints are, and no layout'),
        (17, {'names': 'h36m'}, 'coco', "'coco' was asked for.*'h36m'"),
        (17, {'dataset_name': 'halpe26'}, None, '17 keypoints.*has 26'),
        (26, {}, 'coco', "26 keypoints, but the layout 'coco' has 17"),
        (17, {}, 'cocoo', "Unknown skeleton layout 'cocoo'"),
        (17, {'keypoint_id2name': {'0': 'tail'}}, None, 'tail.*no layout'),
        (17, {'keypoint_id2name': {'x': 'tail'}}, None, 'expected {"0": name'),
        (17, {'keypoint_id2name': [1]}, None, 'expected {"0": name'),
    ],
)
def test_layout(tmp_path, k, meta, wanted, expected):
    if 'names' in meta:
        names = LAYOUTS[meta['names']]
        meta = {**meta, 'keypoint_id2name': dict(enumerate(names))}
    path = write_predictions(
        tmp_path / 'p.json', [[seen(k)]], 'dict', meta=meta
    )
    if expected in LAYOUTS:
        assert read_mmpose_json(path, wanted).layout == expected
        return
    with pytest.raises(ValueError, match=expected) as caught:
        read_mmpose_json(path, wanted)
    assert str(caught.value).startswith(str(path))


def test_a_video_of_nobody(tmp_path):
    path = write_predictions(tmp_path / 'p.json', [[], [], []])
    with pytest.raises(ValueError, match='name the layout'):
        read_mmpose_json(path)
    found = read_mmpose_json(path, 'coco')
    assert (found.num_frames, found.keypoints.shape) == (3, (0, 17, 2))
    with pytest.raises(ValueError, match=r'p\.json: nobody was detected'):
        read_mmpose_person(path, **VIDEO, layout='coco')
    assert read_mmpose_people(path, **VIDEO, layout='coco') == {}


GOOD = json.dumps(one_frame(instance()))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', "starts with ''"),
        (b'\xff\xfe\x00', 'not UTF-8'),
        ('"text"', "starts with '\"'"),
        (GOOD[:-1], '\'\' instead of "," or "]"'),
        (GOOD[:300], 'not complete JSON'),
        (GOOD + GOOD, 'continues after its end'),
        (GOOD.replace('"bbox"', 'bbox'), 'not complete JSON'),
        ('[' * 100000, 'not complete JSON: .*recursion'),
        (f'[{"9" * 5000}]', 'not complete JSON: .*4300'),
        ('{}', "no list 'instance_info', only nothing"),
        ('{"a": 1, "b": 2}', "no list 'instance_info', only 'a', 'b'"),
        ('{"instance_info": {}}', "no list 'instance_info'"),
        ('{"instance_info" []}', 'instead of ":"'),
        ('{3: []}', 'key .3. is not a text'),
        ('[]', 'no frames'),
        ([instance()], 'expected a dict with frame_id'),
        ([3], 'is 3, expected a dict with frame_id'),
        ([{'frame_id': '1', 'instances': []}], "frame_id '1', expected an"),
        ([{'frame_id': -1, 'instances': []}], 'frame_id -1, expected an'),
        ([{'frame_id': True, 'instances': []}], 'frame_id True, expected'),
        ([{'frame_id': 0}], 'frame_id 0 has instances None'),
        (one_frame() * 2, 'frame_id 0 occurs twice'),
        (one_frame(*[3] * 301), '301 instances, expected at most 300'),
        (one_frame(3), r'frame_id 0, instances\[0\] is 3'),
        (one_frame(instance(), instance(26)), '26 keypoints, those before'),
        (one_frame(instance(keypoints=KeyError)), 'keypoints is None'),
        (one_frame(instance(keypoints=[])), r'has shape \(0,\)'),
        (one_frame(instance(keypoints=[[1.0]] * 17)), r'shape \(17, 1\)'),
        (one_frame(instance(keypoints=[[1], [1, 2]])), 'list of numbers'),
        (one_frame(instance(keypoints=[['1', '2']] * 17)), 'list of numbers'),
        (one_frame(instance(keypoints=[[{}, 2]] * 17)), 'list of numbers'),
        (one_frame(instance(keypoints=[[10**400, 2]] * 17)), 'numbers'),
        (one_frame(instance(keypoints=[[1, -2e6]] * 17)), 'not a place in an'),
        (one_frame(instance(keypoints=[[1, 2, 3]] * 17)), 'not 3D'),
        (one_frame(instance(keypoint_scores=KeyError)), 'scores is None'),
        (one_frame(instance(keypoint_scores=[1] * 16)), r'shape \(16,\)'),
        (one_frame(instance(keypoint_scores=5)), 'list of numbers'),
        (one_frame(instance(bbox=[1, 2, 3])), r'bbox is \[1, 2, 3\]'),
        (one_frame(instance(bbox=[5, 5, 4, 9])), 'x0 <= x1'),
        (one_frame(instance(bbox=[1, 2, None, 4])), 'expected .x0, y0'),
        (one_frame(instance(bbox='here')), "bbox is 'here'"),
        (one_frame(instance(bbox=[1, 2, 3, 1e300])), 'expected .x0, y0'),
    ],
)
def test_damage_is_named(tmp_path, content, message):
    path = write(tmp_path / 'p.json', content)
    with pytest.raises(ValueError, match=message) as caught:
        read_mmpose_json(path)
    assert str(caught.value).startswith(f'{path}: ')
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.json'):
        read_mmpose_json(tmp_path / 'nowhere.json')


def test_byte_order_mark_and_windows_line_ends(tmp_path, crowd):
    path = write_predictions(tmp_path / 'p.json', crowd, indent=1)
    expected = read_mmpose_json(path)
    content = path.read_bytes().replace(b'\n', b'\r\n')
    path.write_bytes(b'\xef\xbb\xbf' + content)
    found = read_mmpose_json(path)
    for name in ARRAYS:
        np.testing.assert_array_equal(
            getattr(found, name), getattr(expected, name)
        )


@pytest.mark.parametrize('chunk', [1, 7, 1000])
@pytest.mark.parametrize('shape', ['list', 'dict'])
def test_chunks_end_anywhere(tmp_path, crowd, monkeypatch, chunk, shape):
    path = write_predictions(
        tmp_path / 'p.json', crowd[:4], shape, meta={'version': 12345}
    )
    expected = json.loads(path.read_text())
    monkeypatch.setattr(json_items, 'CHUNK', chunk)
    items = json_items.JSONItems(path, 'instance_info')
    frames = list(items)
    if shape == 'dict':
        assert items.others == {'meta_info': {'version': 12345}}
        expected = expected['instance_info']
    assert frames == expected
    write(path, '{"instance_info": [12345, 6], "end": 789}')
    assert list(items) == [12345, 6] and items.others == {'end': 789}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(['a', 'frame_id', '']), inner)
    ),
    max_leaves=6,
)
ITEM = st.builds(lambda value: {'frame_id': 0, 'instances': value}, VALUES)
EDIT = st.tuples(
    st.integers(0, 10**6),
    st.integers(0, 2),
    st.sampled_from([*'[]{},:"0.-+eE\\ x', 'NaN', '\\ud800', '9' * 4301, '']),
)


@settings(max_examples=80)
@given(
    st.lists(ITEM | VALUES, min_size=1, max_size=9).map(
        lambda items: [{'frame_id': 0}, *items]
    ),
    st.sampled_from([None, 0, 2]),
    st.lists(EDIT, max_size=2),
)
def test_items_together_are_those_one_by_one(
    tmp_path_factory, items, indent, edits
):
    """The same values, or the same ones before the same error."""
    text = json.dumps(items, indent=indent)
    for place, cut, new in edits:
        place %= len(text)
        text = text[:place] + new + text[place + cut :]
    path = tmp_path_factory.getbasetemp() / 'items.json'
    path.write_text(text, encoding='utf-8')

    def read():
        taken = []
        try:
            taken += map(repr, json_items.JSONItems(path, None))
        except ValueError as error:
            taken.append(str(error))
        return taken

    together = read()
    with mock.patch.object(json_items, '_START', re.compile('(?!)')):
        assert together == read()


def test_frames_are_decoded_together(tmp_path, crowd, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        json_items,
        'from_json',
        lambda text: decoded.extend(json.loads(text)) or [*decoded],
    )
    monkeypatch.setattr(json_items, 'CHUNK', 1 << 16)
    monkeypatch.setattr(json_items, '_TOGETHER', 1 << 16)
    path = write_predictions(tmp_path / 'p.json', crowd, indent=1)
    [*json_items.JSONItems(path, 'instance_info')]
    assert len(decoded) > 0.8 * len(crowd)


def test_reading_holds_one_frame_at_a_time(tmp_path, crowd):
    path = write_predictions(tmp_path / 'p.json', crowd * 40, indent=1)
    size = path.stat().st_size
    assert size > 6e6
    tracemalloc.start()
    json.loads(path.read_text())
    whole = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    tracemalloc.start()
    found = read_mmpose_json(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    arrays = sum(getattr(found, name).nbytes for name in ARRAYS)
    limit = 3 * arrays + 8 * json_items.CHUNK
    assert peak < limit < 0.8 * whole


def test_huge_frame_id_allocates_nothing(tmp_path):
    content = [*one_frame(instance()), {'frame_id': 10**12, 'instances': []}]
    path = write(tmp_path / 'p.json', content)
    with pytest.raises(ValueError, match='1000000000000.*2 frames is dam'):
        read_mmpose_person(path, **VIDEO)
    content[1]['frame_id'] = 1000 + 20 * 2 + 1  # as many as may be missing
    found = read_mmpose_json(write(path, content))
    assert found.num_frames == 1042
    content[1]['frame_id'] += 1
    with pytest.raises(ValueError, match='damaged'):
        read_mmpose_json(write(path, content))


def test_a_long_item_is_not_read_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(json_items, 'CHUNK', 100)
    monkeypatch.setattr(json_items, 'LONGEST_ITEM', 1000)
    path = write(tmp_path / 'p.json', '[{"frame_id": 0,, ' + '1, ' * 10**6)
    tracemalloc.start()
    with pytest.raises(ValueError, match='after character 1[5-7]'):
        read_mmpose_json(path)
    assert tracemalloc.get_traced_memory()[1] < 500_000
    tracemalloc.stop()


def test_whole_image_is_nobody(tmp_path):
    """MMPose's stand-in for a frame without a detection."""
    whole = instance(bbox=[[0, 0, 1920, 1080]])
    content = [
        {'frame_id': i, 'instances': [whole if i in (2, 3) else instance()]}
        for i in range(6)
    ]
    path = write(tmp_path / 'p.json', content)
    found = read_mmpose_json(path).without_whole_image((1080, 1920))
    assert found.frames.tolist() == [0, 1, 4, 5]
    stream = read_mmpose_person(path, **VIDEO, person='largest')
    assert (stream.scores > 0).any(axis=1).tolist() == [1, 1, 0, 0, 1, 1]
    # Without a detector every box is the image.
    for frame in content:
        frame['instances'] = [whole]
    stream = read_mmpose_person(write(path, content), **VIDEO)
    assert (stream.scores > 0).all()


def test_person_on_the_clock_of_the_video(tmp_path):
    frames = [[seen()] if i not in (0, 4, 5) else [] for i in range(8)]
    path = write_predictions(tmp_path / 'p.json', frames, first=1)
    stream = read_mmpose_person(
        path, rate=25, img_shape=(480, 640), start=-2.0, num_frames=10
    )
    assert stream.clock.span == pytest.approx((-2.0, -2.0 + 9 / 25))
    there = [False, True, True, True, False, False, True, True, False, False]
    assert (stream.scores > 0).all(axis=1).tolist() == there
    assert not stream.scores[np.logical_not(there)].any()
    assert not stream.keypoints[np.logical_not(there)].any()
    np.testing.assert_array_equal(
        stream.keypoints[1], seen().keypoints.astype(np.float32)
    )
    out = tmp_path / 'pose.safetensors'
    write_pose(out, stream)
    np.testing.assert_array_equal(read_pose(out).scores[:], stream.scores)
    assert (stream.img_shape, stream.layout) == ((480, 640), 'coco')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(rate=0.0), 'rate is 0.0'),
        (dict(rate=float('nan')), 'rate is nan'),
        (dict(start=float('inf')), 'start is inf'),
        (dict(max_gap_sec=-1.0), 'max_gap_sec is -1.0'),
        (dict(img_shape=(0, 5)), 'img_shape is 0'),
        (dict(img_shape=(5, 5, 5)), r'img_shape is \[5, 5, 5\]'),
        (dict(img_shape=(90, 90)), r'100% .* outside img_shape \[90, 90'),
        (dict(num_frames=3), '4 frames, but the video has 3'),
        (dict(person='tallest'), r"'tallest' is none of longest, .* 0 \(4 fr"),
        (dict(person=7), 'person 7 is none'),
        (dict(person=False), 'person False is none'),
        (dict(layout='halpe26'), '17 keypoints'),
    ],
)
def test_wrong_arguments(tmp_path, changes, message):
    path = write_predictions(tmp_path / 'p.json', [[seen()]] * 4)
    with pytest.raises(ValueError, match=message) as caught:
        read_mmpose_person(path, **{**VIDEO, **changes})
    assert str(caught.value).startswith(f'{path}: ')
    assert '\n' not in str(caught.value)


def test_people_seen_long_enough(tmp_path):
    frames = [[seen()] for _ in range(40)]
    frames[10] = [seen(), seen(x=800.0)]
    frames[15:] = [[seen(), seen(x=400.0)] for _ in range(25)]
    path = write_predictions(tmp_path / 'p.json', frames)
    people = read_mmpose_people(path, **VIDEO, min_sec=0.5)
    assert list(people) == [0, 2]
    assert [(p.scores > 0).any(axis=1).sum() for p in people.values()] == [
        40,
        25,
    ]
    assert people[2].keypoints[20, 0, 0] == 400


@pytest.mark.parametrize('kind', ['list', 'dict', 'real'])
def test_corrupted_files_are_contained(tmp_path, crowd, request, kind):
    path = tmp_path / 'p.json'
    if kind == 'real':
        real = json.loads(request.getfixturevalue('real_file').read_text())
        write(path, real[:10])
    else:
        write_predictions(path, crowd[:10], kind, meta=coco_meta(), indent=1)
    content = path.read_bytes()
    src, dst = tmp_path / 'src.json', tmp_path / 'dst'
    outcomes = []
    for _, damaged in corruptions(content, seed=5, count=200):
        src.write_bytes(damaged)
        outcome = check_contained(
            lambda: write_pose(
                dst / 'pose/p.safetensors', read_mmpose_person(src, **VIDEO)
            ),
            dst,
        )
        assert outcome == 'fine' or str(src) in outcome
        outcomes.append(outcome)
    assert 100 < sum(outcome != 'fine' for outcome in outcomes) < 200


def test_the_reader(tmp_path, crowd):
    path = write_predictions(tmp_path / 'p.json', crowd * 2)
    reader = MMPoseReader(path, **VIDEO, placement='not a key of MMPose')
    check_reader(reader, tmp_path / 'dst')
    expected = read_mmpose_people(path, **VIDEO)
    people = reader.read_people()
    assert list(people) == [f'person {number}' for number in expected]
    for number, pose in expected.items():
        np.testing.assert_array_equal(
            people[f'person {number}'].keypoints, pose.keypoints
        )
    with pytest.raises(ValueError, match=r'p\.json: nobody is seen for 9'):
        MMPoseReader(path, **VIDEO, min_sec=9.0).read_people()
    with pytest.raises(ValueError, match='does not give the frames per sec'):
        MMPoseReader(path, img_shape=(1080, 1920)).read_people()
    with pytest.raises(ValueError, match='the height and width'):
        MMPoseReader(path, rate=30.0).read_people()


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (one_frame(instance()), True),
        ({'meta_info': {'x': 'y' * 9999}, 'instance_info': []}, True),
        (b'\xef\xbb\xbf [ {"instances": [], "frame_id": 3}]', True),
        ([], False),
        ([1, 2], False),
        ([{'image_id': 1, 'keypoints': []}], False),
        ({'people': []}, False),
        (b'\xff\xfe\x00', False),
        (b'time,ax,ay,az', False),
        (b'', False),
    ],
)
def test_files_are_recognised(tmp_path, content, expected):
    path = write(tmp_path / 'p.json', content)
    assert MMPoseReader.recognizes(path) is expected
    assert not MMPoseReader.recognizes(tmp_path)
