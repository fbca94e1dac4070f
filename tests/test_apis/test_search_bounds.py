"""Numbers that ask for any amount of memory are refused before the work."""

import argparse

import numpy as np
import pytest

from mobind_mm.apis.synchronizing import WIDEST_SEC, searched
from mobind_mm.cli.arguments import between, frame_rate
from mobind_mm.readers.pose_video import Video
from mobind_mm.recordings import Clock, PoseStream, Recording, SensorStream


def recording(start=0.0):
    clock = Clock(600, 50.0, start)
    imu = {'head': SensorStream(clock, {'acc': np.ones((600, 3))})}
    pose = PoseStream(
        Clock(300, 25.0),
        np.ones((300, 17, 2)),
        np.ones((300, 17)),
        'coco',
        (90, 90),
    )
    return Recording(imu, pose)


@pytest.mark.parametrize('number', [1e9, 3601.0, float('inf'), float('nan')])
def test_searches_wider_than_anything_are_refused(number):
    with pytest.raises(ValueError, match=r'max_offset .* (at most|positive)'):
        searched(recording(), number)


@pytest.mark.parametrize('number', [0.5, 60.0, WIDEST_SEC])
def test_other_searches_are_as_the_user_says(number):
    assert searched(recording(), number, 2.0) == (2.0, number)


def test_clocks_that_are_apart_may_be_searched_that_far():
    middle, reach = searched(recording(1e5), 1e5, 0.0)
    assert (middle, reach) == (0.0, 1e5)


@pytest.mark.parametrize('around', [float('inf'), float('nan')])
def test_around_is_a_number(around):
    with pytest.raises(ValueError, match='around must be a number'):
        searched(recording(), None, around)


@pytest.mark.parametrize('rate', [1e9, 2e5])
def test_no_camera_is_so_fast(rate):
    with pytest.raises(ValueError, match='p.json: rate is .*<= 1'):
        Video(rate=rate, img_shape=(9, 9)).facts('p.json')
    with pytest.raises(argparse.ArgumentTypeError, match='frames per second'):
        frame_rate(str(rate))


def test_between():
    assert between(1, 10)('2.5') == 2.5
    assert between(1, 10, int)('3') == 3
    for text in ('0', '11', '1e9', 'nan', 'inf'):
        with pytest.raises(argparse.ArgumentTypeError, match='1 to 10'):
            between(1, 10)(text)


@pytest.mark.parametrize('flag', ['--fps', '--seconds', '--people'])
def test_examples_of_any_size_are_refused(flag, tmp_path, command):
    path = tmp_path / 'a'
    status, _, err = command('mobind', 'example', path, flag, '99999999')
    assert status == 2
    assert f'argument {flag}: 99999999; expected 1 to' in err
    assert not path.exists()
