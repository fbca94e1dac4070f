"""Numbers of README and docs stand in ``docs/results``, and only there."""

import json
import re
from pathlib import Path

import pytest
import update_results as results

ROOT = Path(__file__).parents[1]
RESULTS = results.all_results()
PAGES = results.pages()
QUOTING = (
    'README.md', 'docs/results.md', 'docs/results_sync.md',
    'docs/results_choices.md', 'docs/comparison.md', 'docs/performance.md',
    'docs/checking.md', 'docs/own_data.md', 'configs/mobind/README.md',
    'configs/recognition/README.md', 'docs/tasks.md', 'docs/live.md',
    'docs/study.md', 'docs/mobind_real.md', 'docs/video.md',
)  # fmt: skip
"""Pages whose text quotes results."""
NUMBER = re.compile(r'(?<![\w.,/=@])(?:\d+,)*\d+\.\d+(?![\w.]*[\w/])')
NO_RESULT = {
    '9.81', '9.80665', '0.1', '0.2', '0.5', '0.7', '0.8', '0.3', '1.0', '2.0',
    '5.0', '7.0', '10.0', '0.05', '0.33', '0.1.0', '2602.19004', '3.9', '2.6',
    '2.13', '48.75',
}  # fmt: skip
"""Settings, constants, thresholds and versions that the text names."""


def cells():
    for found in RESULTS.values():
        for name in found['tables']:
            for line in results.shown(found['tables'][name], '', ''):
                yield results._filled(line, RESULTS)
        yield json.dumps(found['quoted'])


KNOWN = set(re.findall(r'\d[\d.,]*\d|\d', '\n'.join(cells())))


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_tables_are_those_of_the_results(page):
    text = page.read_text()
    assert results.updated(text, RESULTS) == text, (
        'run tools/misc/update_results.py'
    )


def test_every_result_is_shown_somewhere():
    text = '\n'.join(page.read_text() for page in PAGES)
    for file, found in RESULTS.items():
        for table in found['tables']:
            assert f'<!-- results: {file}#{table}' in text, (file, table)


@pytest.mark.parametrize('name', QUOTING)
def test_numbers_in_the_text_are_known(name):
    """Tables without a marker, and what sentences quote."""
    text = re.sub(r'(?ms)^```.*?^```', '', (ROOT / name).read_text())
    text = re.sub(r'`[^`\n]*`|\]\([^)]*\)|<!--.*?-->', '', text)
    unknown = set(NUMBER.findall(text)) - KNOWN - NO_RESULT
    assert not unknown, f'write them into docs/results: {sorted(unknown)}'


def test_old_numbers_are_called_old():
    """A page says so if what it shows was measured with 0.1.0."""
    for page in PAGES:
        text = page.read_text()
        files = set(re.findall(r'<!-- results: ([\w.]+)#', text))
        old = [f for f in files if RESULTS[f]['about']['version'] == '0.1.0']
        assert not old or 'as of 0.1.0' in text.lower(), (page.name, old)


def test_another_number_is_noticed():
    page = ROOT / 'docs/results_sync.md'
    text = page.read_text()
    changed = text.replace('**0.0011**', '**0.0010**', 1)
    assert changed != text
    assert results.updated(changed, RESULTS) == text


@pytest.mark.parametrize(
    ('marker', 'message'),
    [
        ('sync.json#nothing', r'no table sync\.json#nothing'),
        ('sync.json#cells where fps=31', 'no row has fps=31'),
        ('sync.json#cells columns speed', "no column 'speed'"),
    ],
)
def test_markers_that_lead_nowhere(marker, message):
    with pytest.raises(ValueError, match=message):
        results.updated(f'<!-- results: {marker} -->', RESULTS)


def test_a_written_file_is_read(tmp_path):
    about = dict(seed=3, data='dice', hardware='a hand')
    rows = [['first', 3.5]]
    table = dict(columns=['die', 'mean'], rows=rows, digits=[None, 2])
    path = tmp_path / 'dice.json'
    results.write_results(path, about, dict(throws=table))
    found = results.read_results(path)
    assert found['about']['seed'] == 3 and found['about']['command']
    page = results.updated(
        '<!-- results: dice.json#throws -->', {path.name: found}
    )
    assert page.endswith('| first | 3.50 |')
    rows.append(['second'])
    with pytest.raises(ValueError, match='a row has 1 cells'):
        results.write_results(path, about, dict(throws=table))


def test_a_run_of_trust_is_taken():
    """Sums over the sources; the walking passes are a row of their own."""
    import take_results

    row = dict(answered=2, wrong=1, certain=1, certain_wrong=0)
    row |= dict(condition='matched', best_guess_right=3, reasons={'weak': 1})
    rows = [
        dict(row, source='walking', count=9),
        dict(row, source='mocap', count=4),
        dict(row, source='people', count=5),
    ]
    bins = [
        dict(
            confidence_from=0.9,
            reliability_count=7,
            mean_confidence=0.951,
            right=0.5,
        )
    ]
    old = RESULTS['trust.json']['tables']
    made = take_results.trust_tables(dict(rows=rows, bins=bins), old)
    assert made['conditions']['rows'] == [
        ['matched', 9, 4, 2, 2, 0, 6],
        [take_results.WALKING['matched'], 9, 2, 1, 1, 0, 3],
    ]
    assert results.shown(made['reliability'], '', '')[-1] == (
        '| 0.9 | 7 | 0.95 | 0.50 |'
    )
    assert made['conditions']['columns'] == old['conditions']['columns']


def test_a_test_of_the_synthetic_dataset_is_taken():
    from take_results import synthetic_tables

    old = RESULTS['synthetic.json']['tables']
    recalls = ('imu2pose_R@1', 'pose2imu_R@1', 'imu2pose_R@5', 'pose2imu_R@5')
    recalls += ('same_action_imu2pose_R@1', 'same_action_pose2imu_R@1')
    names = [f'retrieval/{name}' for name in recalls]
    actions = ('knn_top1', 'linear_top1', 'linear_both_top1')
    names += [f'action/{name}' for name in actions]
    places = ('subject_acc', 'subject_chance', 'part_acc', 'part_chance')
    places += ('part_acc_assigned', 'joint_acc', 'joint_acc_assigned')
    names += [f'localization/{name}' for name in places]
    found = {name: round(0.01 * n, 2) for n, name in enumerate(names)}
    again = {names[0]: 0.5, names[1]: 0.75}
    made = synthetic_tables(again, found, old)
    assert [row[1:] for row in made['retrieval']['rows']] == [
        *([0.0, 0.01], [0.02, 0.03], [0.04, 0.05], [0.5, 0.75])
    ]
    assert [row[1] for row in made['actions']['rows']] == [0.06, 0.07, 0.08]
    assert results.shown(made['localisation'], '', '')[2:] == [
        '| who wears the sensors | 0.090 |  | 0.10 |',
        '| which limb carries a sensor | 0.110 | 0.130 | 0.12 |',
        '| unlabelled sensor: person and limb | 0.140 | 0.150 |  |',
    ]
    kept = synthetic_tables(None, found, old)['retrieval']['rows'][-1]
    assert kept == old['retrieval']['rows'][-1]


def test_a_run_of_synchronisation_is_taken():
    import take_results

    old = RESULTS['sync.json']['tables']
    found = {'mae_s': 0.0123, 'acc@0.1': 0.987, 'coverage': 0.5}
    found |= {'answered_mae_s': 0.2, 'answered_acc@0.1': 1.0}
    cell = dict(sensors=1, noise_m=0.03, pose_rate=30.0, clip_sec=20.0)
    names = ('fused', 'signals', 'correlation', 'vote')
    cell |= dict(zero_mae_s=3.4, num_clips=36, **dict.fromkeys(names, found))
    still = dict(cell, motion='still', reasons={'still': 18})
    run = {'a': [dict(cell, motion='acted', reasons={})], 'b': [still]}
    made = take_results.sync_tables({'settings': {}, **run}, old)
    assert results.shown(made['cells'], '', '')[2:] == [
        '| 1 | 3 cm | 30 | 20 s | **0.0123** | **0.99** | 0.50 | 0.20 | 1.00 '
        '| 0.0123 | 0.99 | 0.0123 | 0.99 | 0.0123 | 0.99 | 3.40 |'
    ]
    assert made['refusals']['rows'] == [['none', 36, 18, 18, 0, 0]]
    assert made['drift'] is old['drift']
    assert made['cells']['columns'] == old['cells']['columns']
