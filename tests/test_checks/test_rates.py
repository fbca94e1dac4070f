"""How often each deliberate mistake is named, over people unseen so far.

``pytest -m slow -s tests/test_checks/test_rates.py`` prints the table of
docs/checking.md.
"""

from dataclasses import replace

import numpy as np
import pytest
from deliberate import (
    ALL,
    LIMBS,
    MISTAKES,
    SWAP,
    WRISTS,
    as_shares,
    each,
    in_world,
    keep,
    late,
    pose,
    recordings,
    renamed,
    shifted,
    turned_over,
    views,
    without_gravity,
    world_without_gravity,
)

from mobind_mm.checks import check_recordings

CONDITIONS = (
    dict(placements=WRISTS),
    dict(placements=LIMBS),
    dict(placements=WRISTS, imu_rate=50.0, pose_rate=25.0),
    dict(placements=LIMBS, imu_rate=60.0, pose_rate=60.0),
)
"""Sensors and rates, in turn."""
SEEDS = range(2000, 2024)


def sensors(change, channels=ALL, only=None):
    return lambda found: keep(each(found, change, only), channels)


CORRECT = {
    'correct': sensors(lambda s: s),
    'correct, acc and gyro': sensors(lambda s: s, ('acc', 'gyro')),
    'correct, acc alone': sensors(lambda s: s, ('acc',)),
    'correct, gravity removed': sensors(
        lambda s: replace(without_gravity(s), gravity=False)
    ),
    'correct, world frame': sensors(
        lambda s: replace(in_world(s), frame='world')
    ),
    'correct, gravity removed in the world frame': sensors(
        world_without_gravity
    ),
}
WRONG = {
    **{
        name: (sensors(change, channels), kind)
        for name, (channels, change, kind, _) in MISTAKES.items()
    },
    'left and right swapped': (
        lambda found: renamed(keep(found, ALL), SWAP),
        'swap',
    ),
    'left and right swapped, acc alone': (
        lambda found: renamed(keep(found, ('acc',)), SWAP),
        'swap',
    ),
    'video 0.5 s late': (lambda found: pose(found, clock=late(0.5)), 'lag'),
    'video 0.5 s early': (lambda found: pose(found, clock=late(-0.5)), 'lag'),
    'one sensor 0.5 s late': (
        sensors(
            lambda s: replace(s, clock=shifted(s.clock, 0.5)),
            only='left_wrist',
        ),
        'lag',
    ),
    'video upside down': (
        lambda found: pose(found, keypoints=turned_over),
        'upside_down',
    ),
    'keypoints as fractions of the image': (
        lambda found: pose(found, keypoints=as_shares),
        'normalised',
    ),
}


def kinds_of(seed, change):
    """What the check names in two takes of one person."""
    options = dict(CONDITIONS[seed % len(CONDITIONS)])
    found = recordings(options.pop('placements'), seed=seed, **options)
    report = check_recordings(views(change(found)))
    return {finding.kind for finding in report.findings}


@pytest.mark.slow
def test_rates(capsys):
    rows, shares = [], {}
    for name, change in CORRECT.items():
        named = [kinds_of(seed, change) for seed in SEEDS]
        shares[name] = np.mean([not kinds for kinds in named])
        rows.append((name, 'nothing', shares[name], ''))
    for name, (change, kind) in WRONG.items():
        named = [kinds_of(seed, change) for seed in SEEDS]
        shares[name] = np.mean([kinds == {kind} for kinds in named])
        some = np.mean([kind in kinds for kinds in named])
        rows.append((name, f'`{kind}`', some, f'{shares[name]:.2f}'))
    with capsys.disabled():
        print(f'\n{len(SEEDS)} people, two takes of 15 s each')
        print('| recordings | names | rate | and nothing else |')
        print('|---|---|---|---|')
        for name, kind, some, only in rows:
            print(f'| {name} | {kind} | {some:.2f} | {only} |')
    assert len(WRONG) >= 20
    assert min(shares[name] for name in CORRECT) >= 0.95, shares
    hard = shares.pop('left and right swapped, acc alone')
    assert hard > 0.3
    assert min(shares.values()) >= 0.8, shares
    assert np.mean(list(shares.values())) >= 0.95, shares
