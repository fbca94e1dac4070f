"""MMPose's results in memory give what its JSON file gives."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from raw_tables import mmpose_frames, people, write_skeletons

from mobind_mm.readers.files import Video, load_people, load_pose
from mobind_mm.readers.mmaction_skeletons import MMActionReader
from mobind_mm.readers.mmpose import collect_results, read_mmpose_json
from mobind_mm.readers.people import choose_stream
from mobind_mm.recordings import Clock, PoseStream


class PoseSample(SimpleNamespace):
    """What is used of MMPose's PoseDataSample."""


@pytest.fixture(scope='module')
def frames():
    takes = people(seconds=2.0, num=2, people=(2, 2), noise=1.0)
    return mmpose_frames(*(take.pose for take in takes))


def sample(instances, tensors=False):
    """One frame as MMPose's top-down models return it."""
    make = torch.tensor if tensors else np.array
    found = InstanceData(
        keypoints=make([i['keypoints'] for i in instances]),
        keypoint_scores=make([i['keypoint_scores'] for i in instances]),
        bboxes=make([i['bbox'][0] for i in instances]),
    )
    return PoseSample(pred_instances=found, ori_shape=(1080, 1920))


SHAPES = {
    'frames': lambda frames: frames,
    'instances': lambda frames: [f['instances'] for f in frames],
    'inferencer': lambda frames: (
        {'predictions': [f['instances']], 'visualization': []} for f in frames
    ),
    'batches': lambda frames: [
        {'predictions': [f['instances'] for f in frames[i : i + 7]]}
        for i in range(0, len(frames), 7)
    ],
    'samples': lambda frames: [sample(f['instances']) for f in frames],
    'tensors': lambda frames: [sample(f['instances'], True) for f in frames],
    'single people': lambda frames: [
        [sample([one]) for one in f['instances']] for f in frames
    ],
    'samples of the inferencer': lambda frames: [
        {'predictions': [sample(f['instances'])]} for f in frames
    ],
}


@pytest.mark.parametrize('name', SHAPES)
def test_results_equal_the_file(tmp_path, frames, name):
    file = tmp_path / 'pose.json'
    file.write_text(json.dumps(frames))
    expected = read_mmpose_json(file)
    found, img_shape = collect_results(SHAPES[name](frames))
    assert found.num_frames == expected.num_frames
    assert found.layout == 'coco'
    for field in ('frames', 'keypoints', 'scores', 'boxes'):
        np.testing.assert_allclose(
            getattr(found, field), getattr(expected, field), atol=1e-4
        )
    told = 'samples' in name or name in ('tensors', 'single people')
    assert img_shape == ((1080, 1920) if told else None)


def test_people_and_the_size_of_the_video(frames):
    results = SHAPES['samples'](frames)
    everybody = load_people(results, Video(rate=30.0))
    assert list(everybody) == ['person 0', 'person 1']
    assert everybody['person 0'].img_shape == (1080, 1920)
    one = load_pose(results, Video(rate=30.0), person=1)
    np.testing.assert_array_equal(
        one.keypoints, everybody['person 1'].keypoints
    )
    with pytest.raises(ValueError, match='frames per second'):
        load_pose(results)
    with pytest.raises(ValueError, match='height and width'):
        load_pose(frames, Video(rate=30.0))


def test_the_file_of_extract_pose_tells_its_video(tmp_path, frames):
    video = dict(fps=25.0, height=1080, width=1920, num_frames=len(frames))
    content = {'instance_info': frames, 'meta_info': {'video': video}}
    (tmp_path / 'pose.json').write_text(json.dumps(content))
    pose = load_pose(tmp_path / 'pose.json')
    assert pose.clock.rate == 25.0 and pose.img_shape == (1080, 1920)
    # What the user says counts more.
    pose = load_pose(tmp_path / 'pose.json', Video(rate=50.0))
    assert pose.clock.rate == 50.0


def test_what_is_no_result(frames):
    with pytest.raises(ValueError, match='frame 1 is a int, expected'):
        collect_results([frames[0], 5])
    with pytest.raises(ValueError, match='no frames'):
        collect_results([])


def person(height, top=100.0, frames=6):
    """Stands still; one keypoint of 17 at the top, one at the bottom."""
    keypoints = np.full((frames, 17, 2), top + height / 2, np.float32)
    keypoints[:, 3, 1] = top
    keypoints[:, 9, 1] = top + height
    return PoseStream(
        Clock(frames, rate=30),
        keypoints,
        np.ones((frames, 17), np.float32),
        'coco',
        (1080, 1920),
    )


def read(path, rule='longest'):
    people = MMActionReader(path, name='a', rate=30).read_people()
    return choose_stream(people, rule, path)


@pytest.mark.parametrize('tops', [(100.0, 100.0, 100.0), (600.0, 10.0, 300.0)])
def test_the_tallest_is_told_apart(tmp_path, tops):
    people = [person(h, t) for h, t in zip((200.0, 400.0, 300.0), tops)]
    write_skeletons(tmp_path / 'a.pkl', {'a': people})
    found = read(tmp_path / 'a.pkl', 'largest')
    np.testing.assert_array_equal(found.keypoints, people[1].keypoints)
    first = read(tmp_path / 'a.pkl')
    np.testing.assert_array_equal(first.keypoints, people[0].keypoints)


@pytest.mark.parametrize(
    ('total', 'shape'),
    [
        (np.int64(6), (np.int32(1080), np.int64(1920))),
        (np.uint8(6), np.array([1080, 1920])),
        (6, [1080.0, 1920]),
    ],
)
def test_numbers_of_numpy(tmp_path, total, shape):
    path = write_skeletons(
        tmp_path / 'a.pkl',
        {'a': [person(200.0)]},
        total_frames=total,
        img_shape=shape,
    )
    found = read(path)
    assert len(found.scores) == 6 and found.img_shape == (1080, 1920)


@pytest.mark.parametrize('total', [np.int64(7), 5, 6.0, '6', None, [6]])
def test_another_number_of_frames(tmp_path, total):
    people = {'a': [person(200.0)]}
    path = write_skeletons(tmp_path / 'a.pkl', people, total_frames=total)
    with pytest.raises(ValueError, match='total_frames is .* has 6 frames'):
        read(path)


@pytest.mark.parametrize(
    'shape',
    [
        (10**30, 1920),
        (100_001, 1920),
        (1080, 0),
        (1080.5, 1920),
        (float('nan'), 1920),
        (True, 1920),
        (1080, 1920, 3),
        '12',
        {1: 2, 3: 4},
    ],
)
def test_impossible_images(tmp_path, shape):
    people = {'a': [person(200.0)]}
    path = write_skeletons(tmp_path / 'a.pkl', people, img_shape=shape)
    with pytest.raises(ValueError, match='img_shape is .* at most 100000'):
        read(path)
    shape = (100_000, 1)
    path = write_skeletons(tmp_path / 'b.pkl', people, img_shape=shape)
    assert read(path).img_shape == shape
