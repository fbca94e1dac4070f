"""The zero-shot tool: what it computes, against loops, and that it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import zero_shot

ROOT = Path(__file__).parents[2]


def features(count=6, limbs=3, tokens=4, width=5, seed=0):
    """Random features whose sensors and skeletons are equal."""
    rng = np.random.default_rng(seed)
    local = rng.normal(size=(count, limbs, width))
    words = rng.normal(size=(count, limbs, tokens, width))
    clip = rng.normal(size=(count, width))
    return dict(
        imu=clip, pose=clip, imu_local=local, pose_local=local,
        imu_tokens=words, pose_tokens=words,
        imu_mask=rng.random((count, limbs)) < 0.7,
        pose_mask=rng.random((count, limbs)) < 0.8,
        pose_token_mask=rng.random((count, limbs, tokens)) < 0.8,
        subject=np.array([f's{i % 3}' for i in range(count)]),
    )  # fmt: skip


def test_similarities_are_means_over_what_both_have():
    a, b = features(seed=1), features(seed=2)
    found = zero_shot.similarities(a, b)

    def cosine(x, y):
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    for i in range(6):
        for j in range(6):
            local, token = [], []
            for s in range(3):
                if not (a['imu_mask'][i, s] and b['pose_mask'][j, s]):
                    continue
                local.append(cosine(a['imu_local'][i, s],
                                    b['pose_local'][j, s]))  # fmt: skip
                token += [
                    cosine(a['imu_tokens'][i, s, n], b['pose_tokens'][j, s, n])
                    for n in range(4)
                    if b['pose_token_mask'][j, s, n]
                ]
            for name, values in (('local', local), ('token', token)):
                expected = np.mean(values) if values else 0.0
                assert found[name][i, j] == pytest.approx(expected)


def test_recalls_count_ties_against_the_query():
    matrix = np.array([[1.0, 0.5, 0.2], [0.9, 0.9, 0.1], [0.0, 0.3, 0.2]])
    out = zero_shot.recalls(matrix)
    assert out['imu2pose_R@1'] == pytest.approx(1 / 3, abs=1e-3)
    assert out['pose2imu_R@1'] == pytest.approx(2 / 3, abs=1e-3)
    assert zero_shot.recalls(np.ones((9, 9)))['imu2pose_R@5'] == 0


def test_equal_features_find_their_limb_and_position():
    feats = features(40)
    feats['pose_token_mask'][:] = True
    out = zero_shot.which_limb(feats)
    assert out['argmax'] == out['one to one'] == 1.0
    # Turn the limbs around: every sensor finds the next limb.
    moved = dict(feats)
    for key in ('pose_local', 'pose_tokens', 'pose_mask'):
        moved[key] = np.roll(feats[key], 1, axis=1)
    assert zero_shot.which_limb(moved)['argmax'] < 0.5
    rng = np.random.default_rng(0)
    out = zero_shot.finds_position(feats, rng)
    assert out['same'] == 1.0 and out['chance'] == 0.25
    assert out['other'] == pytest.approx(0.25, abs=0.12)
    for key in ('imu_tokens', 'pose_tokens'):  # tokens that say when
        feats[key] = feats[key] * 0.1 + np.eye(4, 5)
    assert zero_shot.finds_position(feats, rng)['other'] > 0.9


@pytest.mark.slow
def test_an_untrained_model_is_evaluated(tmp_path, monkeypatch, capsys):
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmengine.runner.checkpoint import save_checkpoint

    from mobind_mm.registry import MODELS

    init_default_scope('mobind_mm')
    config = ROOT / 'configs/mobind/mobind_real.py'
    model = MODELS.build(Config.fromfile(config).model)
    weights, out = tmp_path / 'a.pth', tmp_path / 'a.json'
    save_checkpoint(dict(state_dict=model.state_dict()), str(weights))
    arguments = ['zero_shot.py', str(config), str(weights), '--mocap',
                 'procedural', '--takes', '1', '--out', str(out)]  # fmt: skip
    monkeypatch.setattr(sys, 'argv', arguments)
    zero_shot.main()
    results = json.loads(out.read_text())['motion_capture']
    # Windows of 5 s of one take, every 2.5 s.
    assert results['five, acc']['windows'] == 10
    assert {'limb', 'position', 'five, acc', 'left wrist, acc + gyro'} <= set(
        results
    )
    assert capsys.readouterr().out.endswith(out.read_text())


def test_paired_interval_is_that_of_the_mean_difference():
    rng = np.random.default_rng(2)
    first = rng.normal(0.2, size=400)
    second = rng.normal(size=400)
    low, high = zero_shot.paired_interval(first, second)
    difference = first - second
    error = difference.std() / 20
    assert low == pytest.approx(difference.mean() - 1.96 * error, abs=0.02)
    assert high == pytest.approx(difference.mean() + 1.96 * error, abs=0.02)
    # Ten groups of equal answers are ten questions, not 400.
    groups = np.repeat(np.arange(10), 40)
    same = np.repeat(rng.normal(size=10), 40)
    wide = np.diff(zero_shot.paired_interval(same, 0 * same, groups))
    assert wide > 3 * np.diff(zero_shot.paired_interval(same, 0 * same))
