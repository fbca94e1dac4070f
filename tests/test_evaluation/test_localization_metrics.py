"""Scenes are put together rightly and counted as the protocol says."""

import csv
import itertools

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from processes import process_group, spread, warm

from mobind_mm.evaluation import LocalizationMetric, OpenLocalizationMetric
from mobind_mm.evaluation.embedding_table import stack_rows
from mobind_mm.structures import MoBindDataSample

S, N, D = 3, 6, 8


def window(scene, person, rng, noise=0.5, imu=True, pose=True, **meta):
    """A person whose limbs move by tokens of their own."""
    meta = (
        dict(
            role='query',
            action=0,
            take=f'{scene}-{person}',
            subject=person,
            scene=scene,
            camera='c',
            window_start=0.0,
            window_sec=5.0,
        )
        | meta
    )
    out = MoBindDataSample(metainfo=meta)
    tokens = rng.normal(size=(S, N, D))
    fields = dict(
        imu_tokens=(tokens + noise * rng.normal(size=tokens.shape)) * imu,
        pose_tokens=tokens * pose,
    )
    for name, value in fields.items():
        value = torch.tensor(value, dtype=torch.float32)
        setattr(out, name, value)
        short = name.split('_')[0]
        setattr(out, f'{short}_embedding', value.flatten())
    out.imu_mask = torch.full((S,), imu)
    out.pose_mask = torch.full((S,), pose)
    out.pose_token_mask = torch.full((S, N), pose)
    return out


def make_scenes(seed, noise=0.5, hide=0.0, number=12, role='query'):
    """Scenes of 1 to 4 people, some without sensors or out of view."""
    rng = np.random.default_rng(seed)
    samples = []
    for scene in range(number):
        for person in range(rng.integers(1, 5)):
            draw = rng.random()
            samples.append(
                window(
                    f'{role}-{scene}',
                    str(person),
                    rng,
                    noise,
                    imu=draw >= hide,
                    pose=not hide <= draw < 2 * hide,
                    role=role,
                )
            )
    return samples


def evaluate(metric, samples, batch=5):
    evaluator = Evaluator(metric)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    metrics = evaluator.evaluate(len(samples))
    return {k.removeprefix('localization/'): v for k, v in metrics.items()}


def shuffle_wearers(samples, seed=0):
    """Give every person the sensors of another one."""
    wearers = [sample for sample in samples if sample.imu_mask.any()]
    order = np.random.default_rng(seed).permutation(len(wearers))
    tokens = [wearers[i].imu_tokens for i in order]
    for i, value in zip(np.roll(order, 1), tokens):
        wearers[i].imu_tokens = value
        wearers[i].imu_embedding = value.flatten()
    return samples


# Slow reference: plain loops over windows


def slow_evidence(a, b, s, j):
    values = [
        float(
            torch.cosine_similarity(a.imu_tokens[s, n], b.pose_tokens[j, n], 0)
        )
        for n in range(N)
        if b.pose_token_mask[j, n]
    ]
    return np.mean(values)


def slow_best(similarity):
    """The best way to give every row a column of its own, by brute force."""
    rows, columns = np.shape(similarity)
    return max(
        itertools.permutations(range(columns), rows),
        key=lambda p: sum(similarity[r][c] for r, c in enumerate(p)),
    )


def slow_localization(samples):
    scenes = {}
    for sample in samples:
        scenes.setdefault((sample.scene, sample.window_start), []).append(
            sample
        )
    hits = {}

    def note(key, right):
        hits.setdefault(key, []).append(float(right))

    for rows in scenes.values():
        people = [r for r in rows if r.pose_mask.any()]
        sets = [r for r in people if r.imu_mask.any()]
        if not sets:
            continue
        similarity = [
            [
                np.mean([slow_evidence(a, b, s, s) for s in range(S)])
                for b in people
            ]
            for a in sets
        ]
        best = slow_best(similarity)
        many = len(people) > 1
        for i, a in enumerate(sets):
            true = people.index(a)
            found = {
                '': int(np.argmax(similarity[i])) == true,
                '_assigned': best[i] == true,
            }
            parts = [
                [slow_evidence(a, a, s, j) for j in range(S)] for s in range(S)
            ]
            limb = {
                '': np.argmax(parts, axis=1),
                '_assigned': slow_best(parts),
            }
            for key in found:
                if many:
                    note(f'subject_acc{key}', found[key])
                    note(f'subject_acc_P{len(people)}{key}', found[key])
                for s in range(S):
                    right = limb[key][s] == s
                    note(f'part_acc{key}', right)
                    if many:
                        note(
                            f'part_acc_unconditional{key}',
                            right and found[key],
                        )
                        if found['']:
                            note(f'part_acc_conditional{key}', right)
        if many:
            for a, s in itertools.product(sets, range(S)):
                scores = {
                    (p, j): slow_evidence(a, b, s, j)
                    for p, b in enumerate(people)
                    for j in range(S)
                }
                won = max(scores, key=scores.get)
                note('joint_acc', won == (people.index(a), s))
    return {key: np.mean(values) for key, values in hits.items()}, hits


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('hide', [0.0, 0.2])
def test_every_accuracy_equals_the_slow_reference(seed, hide):
    samples = make_scenes(seed, noise=5.0, hide=hide)
    found = evaluate(LocalizationMetric(similarity='tokens'), samples)
    expected, hits = slow_localization(samples)
    assert 0.2 < expected['subject_acc'] < 1
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-9), key
    counts = {
        'num_subject': 'subject_acc',
        'num_part': 'part_acc',
        'num_part_unconditional': 'part_acc_unconditional',
        'num_part_conditional': 'part_acc_conditional',
        'num_joint': 'joint_acc',
        **{
            key.replace('subject_acc', 'num_subject'): key
            for key in expected
            if '_P' in key and not key.endswith('_assigned')
        },
    }
    for number, key in counts.items():
        assert found[number] == len(hits[key]), number
    chances = {'subject_chance', 'part_chance', 'joint_chance'}
    assert set(found) == {*expected, *counts, *chances, 'joint_acc_assigned'}
    assert found['part_chance'] == pytest.approx(1 / S)


@pytest.mark.parametrize(
    'similarity', ['token_posterior', 'tokens', 'embedding']
)
def test_perfect_and_constant_and_shuffled_encoders(similarity):
    metric = LocalizationMetric(similarity=similarity)
    samples = make_scenes(0, noise=0.1, number=60)
    perfect = evaluate(metric, samples)
    values = {k: v for k, v in perfect.items() if '_acc' in k}
    assert set(values.values()) == {1.0}

    shuffled = evaluate(metric, shuffle_wearers(samples))
    for key in ('subject_acc', 'subject_acc_assigned'):
        chance = shuffled['subject_chance']
        assert shuffled[key] == pytest.approx(chance, abs=0.12)
    for key in ('joint_acc', 'joint_acc_assigned'):
        assert shuffled[key] == pytest.approx(
            shuffled['joint_chance'], abs=0.06
        )
    for key in ('part_acc', 'part_acc_assigned'):
        assert shuffled[key] == pytest.approx(1 / 3, abs=0.08)

    for sample in samples:
        for name in ('imu_tokens', 'pose_tokens'):
            setattr(sample, name, torch.ones(S, N, D))
        sample.imu_embedding = sample.pose_embedding = torch.ones(D)
    constant = evaluate(metric, samples)
    values = {k: v for k, v in constant.items() if '_acc' in k}
    assert set(values.values()) == {0.0}


def test_order_of_windows_does_not_matter():
    samples = make_scenes(1, noise=2.0, hide=0.2)
    gallery = make_scenes(2, noise=2.0, hide=0.2, role='gallery')
    order = np.random.default_rng(0).permutation(len(samples + gallery))
    for metric in (LocalizationMetric, OpenLocalizationMetric):
        straight = evaluate(metric(), samples + gallery)
        mixed = [(samples + gallery)[i] for i in order]
        assert evaluate(metric(), mixed, batch=7) == straight


def test_only_what_can_be_shown_is_reported():
    rng = np.random.default_rng(0)
    alone = [window('a', '1', rng), window('b', '1', rng)]
    found = evaluate(LocalizationMetric(), alone)
    assert set(found) == {
        'part_acc',
        'part_acc_assigned',
        'part_chance',
        'num_part',
    }
    for sample in alone:
        sample.pose_mask = torch.tensor([True, False, False])
    with pytest.raises(ValueError, match='nothing to'):
        evaluate(LocalizationMetric(), alone)


def test_unseen_limbs_and_absent_sensors_do_not_take_part():
    rng = np.random.default_rng(0)
    samples = [window('a', '1', rng), window('a', '2', rng)]
    samples[0].imu_mask = torch.tensor([True, True, False])
    samples[0].pose_token_mask[1] = False
    found = evaluate(LocalizationMetric(), samples)
    # One sensor of the first person is worn on a limb that is seen.
    assert found['num_part'] == found['num_joint'] == 1 + 3
    assert found['part_chance'] == pytest.approx((1 / 2 + 3 / 3) / 4)
    assert found['joint_chance'] == pytest.approx(1 / 5)
    assert found['part_acc'] == found['joint_acc'] == 1


def test_dump_and_scenes_show_the_worst_first(tmp_path):
    samples = make_scenes(3, noise=0.1)
    pair = next(s for s in samples if s.scene.endswith('-2')).scene
    wrong = [s for s in samples if s.scene == pair]
    assert len(wrong) > 1
    shuffle_wearers(wrong)
    metric = LocalizationMetric(dump=tmp_path / 'cases.csv')
    found = evaluate(metric, samples)
    with (tmp_path / 'cases.csv').open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(samples)
    assert {line['scene'] for line in lines[: len(wrong)]} == {pair}
    assert {line['subject'] for line in lines} == {s.subject for s in samples}
    right = [
        line['subject_right_assigned'] == 'True'
        for line in lines
        if int(line['people']) > 1
    ]
    assert found['subject_acc_assigned'] == pytest.approx(np.mean(right))
    worst = metric.scenes[0]
    assert worst['scene'] == pair
    assert worst['similarity'].shape == (len(wrong), len(wrong))
    wearers = [worst['people'][i] for i in worst['truth']]
    assert wearers == worst['subjects']


# Unmatched people and sensors


def test_unmatched_are_found_by_a_threshold_of_other_scenes(tmp_path):
    gallery = make_scenes(4, 0.5, hide=0.25, number=40, role='gallery')
    samples = make_scenes(5, 0.5, hide=0.25, number=40)
    metric = OpenLocalizationMetric(dump=tmp_path / 'cases.csv')
    found = evaluate(metric, gallery + samples)
    assert found['unmatched_people_f1'] == 1
    assert found['unmatched_sensors_f1'] == 1
    assert found['open_match_f1'] == 1
    scenes = {}
    for s in samples:
        scenes.setdefault(s.scene, []).append(
            (bool(s.imu_mask.any()), bool(s.pose_mask.any()))
        )
    decided = [
        rows
        for rows in scenes.values()
        if any(imu for imu, _ in rows) and any(pose for _, pose in rows)
    ]
    people = sum((False, True) in [row] for rows in decided for row in rows)
    sets = sum((True, False) in [row] for rows in decided for row in rows)
    assert found['num_unmatched_people'] == people > 5
    assert found['num_unmatched_sensors'] == sets > 5
    assert found['num_open_scenes'] == len(decided) < len(scenes)
    with (tmp_path / 'cases.csv').open() as file:
        lines = list(csv.DictReader(file))
    assert {line['wrong'] for line in lines} == {'False'}

    fixed = OpenLocalizationMetric(threshold=found['open_threshold'])
    assert evaluate(fixed, samples) == found

    everything = evaluate(OpenLocalizationMetric(threshold=1e6), samples)
    assert everything['unmatched_recall'] == 1
    assert everything['open_match_recall'] == 0
    nothing = evaluate(OpenLocalizationMetric(threshold=-1e6), samples)
    assert nothing['unmatched_recall'] < 1


def test_unmatched_of_a_shuffled_pairing_is_a_guess():
    gallery = make_scenes(4, 0.5, hide=0.25, number=40, role='gallery')
    samples = shuffle_wearers(make_scenes(5, 0.0, hide=0.25, number=80))
    found = evaluate(OpenLocalizationMetric(), gallery + samples)
    assert found['open_match_f1'] < 0.05
    # Nobody fits, so everybody is declared unmatched.
    assert found['unmatched_recall'] > 0.95
    assert found['unmatched_precision'] < 0.5


def test_ties_of_a_constant_encoder_are_broken_without_the_truth():
    """Windows come person by person; their order must not match them."""
    samples = make_scenes(6, hide=0.05, number=150)
    for sample in samples:
        for name in ('imu_tokens', 'pose_tokens'):
            setattr(sample, name, torch.ones(S, N, D))
    found = evaluate(OpenLocalizationMetric(threshold=-1.0), samples)
    scenes = [s.scene for s in samples]
    chance = len(set(scenes)) / len(scenes)
    assert found['open_match_precision'] == pytest.approx(chance, abs=0.1)
    backwards = evaluate(OpenLocalizationMetric(threshold=-1.0), samples[::-1])
    assert backwards == found


def test_scenes_without_anybody_to_find_are_refused():
    samples, gallery = make_scenes(0), make_scenes(1, role='gallery')
    with pytest.raises(ValueError, match="role='gallery'"):
        evaluate(OpenLocalizationMetric(), samples)
    with pytest.raises(ValueError, match='HideModality'):
        evaluate(OpenLocalizationMetric(), gallery + samples)
    with pytest.raises(ValueError, match='HideModality'):
        evaluate(OpenLocalizationMetric(threshold=0.0), samples)


# What cannot be used


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(scene=None), "needs 'scene'"),
        (dict(window_start=None), "needs 'window_start'"),
        (dict(role='gallery'), 'has a role'),
    ],
)
def test_missing_ids_are_said(changes, message):
    rng = np.random.default_rng(0)
    samples = [window('a', '1', rng), window('a', '2', rng)]
    for sample in samples:
        sample.set_metainfo(changes)
    with pytest.raises(ValueError, match=message):
        evaluate(LocalizationMetric(), samples)


def test_windows_that_never_coincide_and_doubles_are_refused():
    rng = np.random.default_rng(0)
    apart = [
        window('a', '1', rng, window_start=0.0),
        window('a', '2', rng, window_start=0.4),
    ]
    with pytest.raises(ValueError, match="anchor='clock'"):
        evaluate(LocalizationMetric(), apart)
    # Two people coincide, the third came a second later.
    third = [
        window('a', person, rng, window_start=start)
        for person, start in itertools.product('12', (0.0, 2.0, 4.0))
    ]
    for start in (1.0, 3.0):
        third.append(window('a', '3', rng, window_start=start))
    with pytest.raises(ValueError, match='3 people.*do not start together'):
        evaluate(LocalizationMetric(), third)
    # Somebody who comes when the others have left is on the same clock.
    third[-2:] = [window('a', '3', rng, window_start=t) for t in (8.0, 10.0)]
    out = evaluate(LocalizationMetric(), third)
    assert out['num_subject_P2'] == 6
    twice = [window('a', '1', rng), window('a', '1', rng)]
    with pytest.raises(ValueError, match='twice'):
        evaluate(LocalizationMetric(), twice)


@pytest.mark.parametrize(
    'changes',
    [
        dict(similarity='dot'),
        dict(part_similarity='embedding'),
        dict(scale=0.0),
    ],
)
def test_arguments_are_checked(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        LocalizationMetric(**changes)


def test_saved_embeddings_without_tokens_are_refused():
    table = stack_rows([dict(role='query'), dict(role='query')])
    with pytest.raises(ValueError, match='tokens=True'):
        LocalizationMetric().evaluate_table(table)


def test_nan_is_refused():
    samples = make_scenes(0)
    samples[0].imu_tokens[0, 0] = float('nan')
    with pytest.raises(ValueError, match='NaN'):
        evaluate(LocalizationMetric(), samples)


# Processes


def all_samples():
    samples = make_scenes(1, noise=2.0, hide=0.2)
    return samples + make_scenes(2, noise=2.0, hide=0.2, role='gallery')


def run(rank, world, folder, queue):
    samples = all_samples()
    assert len(samples) % world
    # As MMEngine's sampler: strided, padded to equal numbers.
    number = -(-len(samples) // world) * world
    mine = [samples[i % len(samples)] for i in range(rank, number, world)]
    found = []
    with process_group(rank, world, folder):
        for metric in (LocalizationMetric(), OpenLocalizationMetric()):
            evaluator = Evaluator(metric)
            for start in range(0, len(mine), 4):
                evaluator.process(mine[start : start + 4])
            found.append(evaluator.evaluate(len(samples)))
        if rank == 0:
            queue.put(found)


@pytest.mark.parametrize('world', [2, pytest.param(3, marks=pytest.mark.slow)])
def test_processes_give_the_numbers_of_one(world, tmp_path):
    samples = all_samples()
    if len(samples) % world == 0:
        pytest.fail('choose seeds whose number of windows does not divide')
    queue = warm().SimpleQueue()
    spread(run, (world, str(tmp_path), queue), world)
    for metric, found in zip(
        (LocalizationMetric(), OpenLocalizationMetric()), queue.get()
    ):
        found = {k.removeprefix('localization/'): v for k, v in found.items()}
        assert found == evaluate(metric, samples)
