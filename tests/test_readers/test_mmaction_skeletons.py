import numpy as np
import pytest
from raw_tables import write_skeletons

from mobind_mm.readers.mmaction_skeletons import read_mmaction_skeleton
from mobind_mm.recordings import Clock, PoseStream


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
    return read_mmaction_skeleton(path, 'a', rate=30, person=rule)


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
