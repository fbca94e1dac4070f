"""Trials of unmatched people and sensors, and the report of the tool."""

import numpy as np
import pytest
from benchmarking.matching_trials import (
    FEATURES,
    Answers,
    Evidence,
    fit_logistic,
    fit_weight,
    judged,
    run_trials,
)
from take_results import UNKNOWN, zero_shot_tables
from update_results import ROOT, read_results

LIMBS = ('head', 'left_wrist', 'right_wrist', 'left_knee')


def evidence(count=30, noise=0.1, seed=0):
    """Windows of takes of five, each sensor most like its own limb."""
    rng = np.random.default_rng(seed)
    size = len(LIMBS)
    own = np.zeros((count, count, size, size))
    at = np.arange(count)
    own[at, at] = np.eye(size)
    noisy = own + noise * rng.normal(size=own.shape)
    every = np.ones((count, size), bool)
    return Evidence(noisy, own, every, every, at // 5, 5.0)


def test_probabilities_tell_who_is_there():
    rng = np.random.default_rng(0)
    answers = run_trials(evidence(), LIMBS, 0.1, 400, rng)
    for name in ('person', 'sensor', 'limb'):
        part = answers[name]
        assert 0.1 < part.right.mean() < 0.9
        found = judged(part, fit_logistic(part))
        assert found['right of the given'] > 0.9
        assert found['wrong that are refused'] > 0.9
        assert found['mean probability'] == pytest.approx(
            found['right before'], abs=0.03
        )


def test_the_weight_is_that_of_the_better_evidence():
    weight, recall = fit_weight(evidence(noise=0.5))
    assert weight == 0.45 and recall[0.45] > recall[0.0]


def test_logistic_regression_finds_the_coefficients():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20000, len(FEATURES)))
    true = np.array([1.0, -0.5, 0.2, 0.0, 0.8])
    p = 1 / (1 + np.exp(-(x @ true - 0.3)))
    model = fit_logistic(Answers(x, rng.random(len(p)) < p))
    assert [*model.slopes.values()] == pytest.approx(true.tolist(), abs=0.07)
    assert model.bias == pytest.approx(-0.3, abs=0.07)
    one = dict(zip(FEATURES, x[0].tolist()))
    assert model(**one) == pytest.approx(p[0], abs=0.04)


def test_the_report_holds_tables():
    recalls = {
        f'{way}_R@{k}': 0.5 for way in ('imu2pose', 'pose2imu') for k in (1, 5)
    }
    rows = dict.fromkeys(('signals alone', 'learning alone', 'both'), recalls)
    rows['both - learning alone, imu2pose_R@1'] = [0.01, 0.2]
    limb = {'sensors': 3, 'argmax': 0.6, 'one to one': 0.9}
    levels = (
        'local', 'mean token', 'tokens', 'any order', 'whole recordings',
    )  # fmt: skip
    near = {
        f'1nn {name}, {level}': 0.4
        for name in ('imu', 'pose', 'imu + pose')
        for level in levels
    }
    who = {'signals alone': 0.7, 'learning': 0.8, 'both': 0.9}
    sync = dict.fromkeys(
        ('clips', 'acc@0.1', 'mae_s', 'coverage', 'answered_acc@0.1'), 1.0
    )
    results = {
        'utd_mhad': {
            'windows': 9, **rows, **near,
            'unknown': {'imu': dict.fromkeys(UNKNOWN, 0.5)},
        },
        'motion_capture': {
            'five, acc': {'windows': 9, **rows}, 'limb': limb,
            'limb, whole take': limb,
            'out of step': {
                'five: tokens': dict(windows=9, recording=0.5, window=0.9)
            },
        },
        'gait_video': {
            'limb, 4 s': limb, 'limb, whole pass': limb,
            'limb, whole pass, both': limb, 'who of four': who,
        },
        'sync': {'head, both': sync},
        'sync by movement': {'2.0': sync},
    }  # fmt: skip
    old = read_results(ROOT / 'docs/results/mobind_real.json')['tables']
    tables = zero_shot_tables(results, old)
    assert zero_shot_tables({}, old) == old
    assert [*tables] == [
        *('retrieval', 'actions', 'out_of_step', 'unknown'),
        *('limbs', 'who', 'sync', 'sync_by_movement'),
    ]
    for table in tables.values():
        widths = {len(row) for row in (table['columns'], *table['rows'])}
        assert widths == {len(table['digits'])}
    assert [row[0][-6:] for row in tables['limbs']['rows'][:2]] == [
        *('s, 5 s', ', take')
    ]
    assert tables['retrieval']['rows'][1][-1] == '+0.010 to +0.200'
