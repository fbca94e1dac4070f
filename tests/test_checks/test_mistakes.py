"""Deliberate mistakes are named, each of them and nothing else."""

import re
from dataclasses import replace

import numpy as np
import pytest
from deliberate import (
    ALL,
    LIMBS,
    MISTAKES,
    SWAP,
    as_shares,
    each,
    in_world,
    keep,
    late,
    pose,
    recordings,
    renamed,
    scale,
    shifted,
    turned_over,
    views,
    without_gravity,
    world_without_gravity,
)

from mobind_mm.checks import check_recordings


def test_one_sensor_under_two_names():
    """Not a lag of one of them, which it was reported as."""
    found = each(recordings(), lambda stream: stream)
    for recording in found.values():
        recording.imu['left_wrist'] = recording.imu['right_wrist']
    report = check_recordings(views(found))
    assert {f.kind for f in report.findings} == {'identical'}
    assert {*report.findings[0].takes} == {*found}


@pytest.mark.parametrize('name', MISTAKES)
def test_mistake_of_the_sensors(name):
    channels, change, kind, fix = MISTAKES[name]
    found = keep(each(recordings(), change), channels)
    report = check_recordings(views(found))
    assert {f.kind for f in report.findings} == {kind}, report.findings
    # Both sensors have it, in all takes.
    assert {f.where for f in report.findings} == {'left_wrist', 'right_wrist'}
    for finding in report.findings:
        assert finding.fix.startswith(fix) and not finding.takes


@pytest.mark.parametrize(
    'channels', [ALL, ('acc', 'gyro'), ('acc', 'quat'), ('acc',)]
)
def test_nothing_wrong(channels):
    report = check_recordings(views(keep(recordings(), channels)))
    assert report.findings == []
    for fit in report.fits.values():
        assert fit.enough and abs(fit.lag) <= 0.05


@pytest.mark.parametrize('change', ['sensor', 'world', 'force in the world'])
def test_nothing_wrong_in_other_frames(change):
    changes = {
        'sensor': lambda s: replace(without_gravity(s), gravity=False),
        'world': world_without_gravity,
        'force in the world': lambda s: replace(in_world(s), frame='world'),
    }
    found = each(recordings(), changes[change])
    assert check_recordings(views(found)).findings == []


@pytest.mark.parametrize(
    ('change', 'kind', 'fix'),
    [
        (
            lambda s: replace(world_without_gravity(s), frame='sensor'),
            'frame',
            'frame: world',
        ),
        (
            lambda s: scale('acc', -1)(world_without_gravity(s)),
            'acc_sign',
            'columns.acc',
        ),
        (
            lambda s: scale('acc', 0.102)(world_without_gravity(s)),
            'acc_unit',
            'units.acc: g',
        ),
    ],
)
def test_mistakes_that_only_the_video_tells(change, kind, fix):
    report = check_recordings(views(each(recordings(), change)))
    assert {f.kind for f in report.findings} == {kind}, report.findings
    assert all(f.fix.startswith(fix) for f in report.findings)


def test_data_sets_with_slow_clocks():
    """As simulated from meshes at 20 Hz, and as aligned to 10 Hz."""
    found = recordings(
        LIMBS,
        seed=5,
        num_takes=1,
        take_sec=30.0,
        imu_rate=20.0,
        pose_rate=20.0,
    )
    report = check_recordings(views(each(found, world_without_gravity)))
    assert report.findings == []
    found = recordings(
        LIMBS[:4],
        seed=6,
        num_takes=1,
        take_sec=30.0,
        imu_rate=10.0,
        pose_rate=10.0,
    )
    report = check_recordings(views(keep(found, ('acc', 'quat'))))
    assert report.findings == []


def test_one_sensor_in_another_unit():
    found = each(recordings(), scale('acc', 0.102), only='left_wrist')
    (finding,) = check_recordings(views(found)).findings
    assert (finding.kind, finding.where) == ('acc_unit', 'left_wrist')


def test_one_take_in_another_unit():
    found = recordings(num_takes=3)
    last = list(found)[-1]
    found = {**found, **each({last: found[last]}, scale('acc', 0.102))}
    report = check_recordings(views(found))
    assert {f.kind for f in report.findings} == {'acc_unit'}
    assert {f.takes for f in report.findings} == {(last,)}


def test_left_and_right_swapped():
    found = renamed(recordings(LIMBS), SWAP)
    (finding,) = check_recordings(views(found)).findings
    assert finding.kind == 'swap'
    assert 'mirrored video' in finding.message
    for name, other in SWAP.items():
        assert f'{name} -> {other}' in finding.fix


def test_swapped_arms_are_no_mirrored_video():
    arms = {p: q for p, q in SWAP.items() if 'wrist' in p}
    found = renamed(recordings(LIMBS), arms)
    (finding,) = check_recordings(views(found)).findings
    assert finding.where == 'left_wrist, right_wrist'
    assert 'mirrored' not in finding.message


def test_any_permutation_is_found():
    around = dict(zip(LIMBS, (*LIMBS[1:], LIMBS[0])))
    found = renamed(recordings(LIMBS), around)
    (finding,) = check_recordings(views(found)).findings
    assert finding.kind == 'swap'
    for sensor, stored in around.items():
        assert f'{stored} -> {sensor}' in finding.fix


def test_a_single_sensor_on_the_other_side():
    found = renamed(recordings(('left_wrist',)), SWAP)
    (finding,) = check_recordings(views(found)).findings
    assert finding.fix.startswith(
        'rename the keys of the sensors: right_wrist -> left_wrist'
    )


@pytest.mark.parametrize('seconds', [0.5, -0.3])
def test_a_shifted_video(seconds):
    found = pose(recordings(), clock=late(seconds))
    (finding,) = check_recordings(views(found)).findings
    assert (finding.kind, finding.where) == ('lag', 'pose')
    lag = float(re.search(r'lag ([+-][0-9.]+) s', finding.message)[1])
    assert lag == pytest.approx(-seconds, abs=0.03)
    change = 'less' if seconds > 0 else 'more'
    assert finding.fix.startswith(f'start_s of pose: {abs(lag):.2f} {change}')


def test_a_shifted_sensor():
    found = each(
        recordings(),
        lambda s: replace(s, clock=shifted(s.clock, 0.5)),
        only='right_wrist',
    )
    (finding,) = check_recordings(views(found)).findings
    assert (finding.kind, finding.where) == ('lag', 'right_wrist')
    assert re.fullmatch(
        r'start_s of right_wrist: 0\.(49|50|51) less', finding.fix
    )


def test_a_shifted_take():
    found = recordings(num_takes=3)
    last = list(found)[-1]
    found = pose(found, takes=[last], clock=late(0.5))
    (finding,) = check_recordings(views(found)).findings
    assert (finding.kind, finding.takes) == ('lag', (last,))
    assert f'only in {last}' in str(finding)


def test_streams_that_share_no_time():
    found = pose(recordings(), clock=late(1000.0))
    report = check_recordings(views(found))
    assert {f.kind for f in report.findings} == {'no_overlap'}


@pytest.mark.parametrize(
    ('change', 'kind'),
    [
        (dict(keypoints=turned_over), 'upside_down'),
        (dict(keypoints=as_shares), 'normalised'),
        (dict(img_shape=(540, 960)), 'img_shape'),
        (dict(scores=lambda s: 0 * np.asarray(s.scores)), 'no_keypoints'),
    ],
)
def test_mistakes_of_the_image(change, kind):
    (finding,) = check_recordings(views(pose(recordings(), **change))).findings
    assert (finding.kind, finding.where) == (kind, 'pose')
    assert 'pose' in finding.fix


def test_who_stands_still_makes_no_mistake():
    found = recordings(motion_kind='still')
    report = check_recordings(views(found))
    assert report.findings == []
    assert not any(fit.enough for fit in report.fits.values())
    assert report.unknown.keys() == {'left_wrist', 'right_wrist'}


def test_a_limb_in_circles_is_no_gravity():
    """What is steady on a swinging arm neither is gravity nor has a unit."""
    found = recordings(seed=1006, imu_rate=50.0, pose_rate=25.0)
    gone = each(found, lambda s: replace(without_gravity(s), gravity=False))
    assert check_recordings(views(gone)).findings == []
    found = keep(recordings(seed=1008), ('acc',))
    assert check_recordings(views(found)).findings == []
