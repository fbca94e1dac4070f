"""Arrays of whatever kind are read as they are meant, or refused."""

import datetime
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas
import pytest
import torch

from mobind_mm.apis.sources import to_imu, to_people, to_pose, to_recording
from mobind_mm.apis.synchronizing import searched
from mobind_mm.recordings import Clock, Recording, SensorStream
from mobind_mm.synchronization import build_synchronizer
from mobind_mm.synchronization.coarse import offset_range

ACC = np.random.default_rng(0).normal(0, 9, (50, 3)).round(2)
TIMES = np.arange(50) / 50
POINTS = np.random.default_rng(1).uniform(9, 99, (50, 17, 2))


def sensor(acc=ACC, **known):
    known = known or {'rate': 50.0}
    return to_imu({'head': {'acc': acc, **known}})['head']


def pose(points=POINTS, **known):
    known = {'img_shape': (99, 99), 'rate': 30.0, **known}
    return to_pose({'keypoints': points, **known})


@pytest.mark.parametrize(
    'made',
    [
        lambda x: torch.tensor(x, requires_grad=True),  # RuntimeError
        lambda x: torch.tensor(x).bfloat16(),  # TypeError
        lambda x: torch.tensor(x).half(),
        pandas.DataFrame,
        np.ndarray.tolist,
        lambda x: x.astype('>f4'),
        lambda x: x.astype(object),
        lambda x: x[::-1][::-1],
    ],
)
def test_arrays_of_other_kinds(made):
    acc = sensor(made(ACC)).channels['acc']
    np.testing.assert_allclose(acc, ACC, rtol=0.01)
    assert acc.dtype == np.float32


@pytest.mark.filterwarnings('error')
def test_what_is_masked_or_overflows_is_missing():
    masked = np.ma.masked_array(ACC, ACC > 5)  # the mask was dropped
    assert np.isnan(sensor(masked).channels['acc'][ACC > 5]).all()
    huge = POINTS.copy()
    huge[3], huge[4], huge[5] = 1e30, 1e300, np.inf
    stream = pose(huge, scores=np.ones((50, 17)))
    assert not stream.scores[3:6].any() and stream.scores[6:].all()
    assert stream.notes


@pytest.mark.parametrize('rate', [np.float32(50), torch.tensor(50.0), 50])
def test_numbers_of_other_kinds(rate):
    """Of NumPy, JSON could not be written; of PyTorch, TypeError."""
    assert sensor(rate=rate, start=rate).clock.span == (50.0, 50.98)
    assert type(Clock(9, rate=rate).rate) in (int, float)
    assert Clock(9, rate=Fraction(1, 2)).rate == 0.5


RATE, START = 'A rate must be', 'A start must be'
NO_NUMBERS = 'not an array of numbers'


@pytest.mark.parametrize(
    ('known', 'said'),
    [
        *(({'rate': x}, RATE) for x in (-1, 0, 1e308, 10**400, 1e-300)),
        *(({'rate': x}, RATE) for x in ('50', True, 1j, [50], np.inf)),
        *(({'rate': 9, 'start': x}, START) for x in (1e308, '0', np.nan)),
        ({'rate': 9, 'start': datetime.datetime(2020, 1, 1)}, START),
        ({'times': (TIMES * 1e9).astype('M8[ns]')}, NO_NUMBERS),
        ({'times': pandas.to_datetime(TIMES)}, NO_NUMBERS),
        ({'times': [*map(str, TIMES)]}, NO_NUMBERS),
        ({'times': TIMES[:, None]}, 'times of shape'),
        ({'times': 5.0}, 'times of shape'),
        ({'times': TIMES + 2.0**53}, 'Give seconds'),  # OverflowError
        ({'times': TIMES * 1e-310}, 'samples per second'),
        ({'times': TIMES / 86400e3}, 'samples per second'),
    ],
)
def test_clocks_that_are_none(known, said):
    for make in (sensor, pose):
        if make is pose and 'times' in known:
            known = {**known, 'rate': None}
        with pytest.raises(ValueError, match=said):
            make(**known)


@pytest.mark.parametrize(
    ('make', 'given', 'said'),
    [
        *((sensor, x, NO_NUMBERS) for x in (ACC * 1j, 'acc', {1}, b'1')),
        (sensor, iter(ACC), NO_NUMBERS),
        (sensor, [[1, 2, 3], [1]], NO_NUMBERS),
        (sensor, torch.zeros(50, 3, device='meta'), NO_NUMBERS),
        (sensor, None, 'has acc of shape'),
        (sensor, ACC.ravel(), 'has acc of shape'),
        (pose, POINTS.reshape(50, -1), 'has keypoints of shape'),
        (pose, None, 'has keypoints of shape'),
        (lambda x: pose(img_shape=x), 5, 'img_shape must be'),
        (lambda x: pose(img_shape=x), (np.nan, 5), 'img_shape must be'),
        (lambda x: pose(img_shape=x), ('a', 'b'), 'img_shape must be'),
        (lambda x: pose(img_shape=x), '99x99', 'img_shape must be'),
        (lambda x: pose(layout=x), ['coco'], 'layout must be a name'),
        (to_pose, 5, 'are of type int'),
    ],
)
def test_arrays_that_are_none(make, given, said):
    with pytest.raises(ValueError, match=said):
        make(given)


def by_hand(acc=ACC, pose=None, **known):
    clock = Clock(50, **(known or {'rate': 50.0}))
    return to_recording(
        Recording({'head': SensorStream(clock, {'acc': acc})}, pose)
    )


def test_recordings_by_hand_are_arrays_too():
    """Tensors with a gradient, lists and masks were met much later."""
    for made in (torch.tensor(ACC, requires_grad=True), ACC.tolist()):
        (stream,) = by_hand(made).imu.values()
        np.testing.assert_allclose(stream.channels['acc'], ACC, rtol=1e-6)
    times = pandas.Series(TIMES, index=range(7, 57))  # KeyError
    assert by_hand(times=times).imu['head'].clock.at()[-1] == TIMES[-1]
    for odd in (ACC[:-3], ACC.T, None, ACC * 1j):
        with pytest.raises(ValueError, match='acc: shape|not an array'):
            by_hand(odd)
    with pytest.raises(TypeError, match='expected a PoseStream'):
        by_hand(pose=[1])
    with pytest.raises(ValueError, match='keypoints has shape'):
        by_hand(pose=replace(pose(), keypoints=POINTS[:, :5]))
    for odd in (POINTS * 1j, POINTS.astype('M8[s]'), np.float32(3)):
        for read in (to_people, lambda people: by_hand(pose=people['a'])):
            with pytest.raises(ValueError, match='not an array|has shape'):
                read({'a': replace(pose(), keypoints=odd)})
    with pytest.raises(ValueError, match="gravity is 'yes', expected True"):
        to_recording(
            Recording({'a': replace(by_hand().imu['head'], gravity='yes')})
        )
    for streams in ({'head': None}, {None: sensor()}, [1]):
        with pytest.raises(TypeError, match='imu.*expected'):
            to_recording(Recording(streams))
    for count in (-5, 5.5, '5', None):
        with pytest.raises(ValueError, match='no number of samples'):
            Clock(count, rate=50.0)
    with np.errstate(all='raise'):
        assert Clock(4, times=np.array([0.0, 1, 1, 1])).mean_rate == np.inf
    for odd in (TIMES[:, None], (TIMES * 1e9).astype('M8[ns]')):
        with pytest.raises(ValueError, match='one number of seconds'):
            Clock(50, times=odd)


@pytest.mark.parametrize('odd', ['5', [5], 1e-300, 10**400, 1j, np.nan])
def test_searches_that_are_none(odd):
    streams = Recording(by_hand().imu, pose())
    with pytest.raises(ValueError, match='max_offset'):
        searched(streams, odd)
    if odd != 1e-300:
        with pytest.raises(ValueError, match='around must be'):
            searched(streams, None, odd)
    # JSON could not hold what it was given.
    assert json.dumps(searched(streams, np.float32(5), torch.tensor(0.5)))


@pytest.mark.parametrize('odd', [{}, {'type': 'x'}, 'x'])
def test_synchronizers_that_are_none(odd):
    with pytest.raises(ValueError, match='There is no synchronizer'):
        build_synchronizer(odd)


def test_sensors_of_two_epochs():
    """17 billion offsets: MemoryError."""
    streams = {
        name: SensorStream(Clock(50, rate=50.0, start=start), {'acc': ACC})
        for name, start in (('head', 0.0), ('left_wrist', 1.7e9))
    }
    with pytest.raises(ValueError, match=r'head from 0 to .*of one clock'):
        offset_range(Recording(streams, pose()))
