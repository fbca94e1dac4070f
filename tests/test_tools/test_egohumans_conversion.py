import json
from pathlib import Path

import numpy as np
import pytest
from programs import tool
from raw_egohumans import (
    make_person,
    make_smpl,
    project,
    write_sequence,
    write_smpl_npz,
)

REPO = Path(__file__).parents[2]


def write_copy(root, seconds, sequences, count=2):
    """A miniature copy: other people in every sequence."""
    times = np.arange(round(20 * seconds)) / 20
    for number, (activity, sequence) in enumerate(sequences):
        people = {}
        for person in range(1, count + 1):
            body = make_person(times, 10 * number + person, 0.5 * person)
            people[f'aria{person:02d}'] = (body, project(body))
        away = range(100, 140)  # the first one, for 2 s
        absent = [(kind, 'aria01', away) for kind in ('poses2d', 'smpl')]
        write_sequence(root / 'data', people, absent, activity, sequence)
    return write_smpl_npz(root / 'SMPL_NEUTRAL.npz', make_smpl())


def call(cwd, name, *arguments):
    return tool(name, *arguments, cwd=cwd).stdout


TOOL = 'dataset_converters/egohumans.py'


def test_command(tmp_path, command):
    dst = tmp_path / 'dst'
    model = write_copy(tmp_path, 8, [('01_tagging', 1), ('02_lego', 1)])
    words = (TOOL, tmp_path / 'data', '--out', dst)
    _, out, _ = command(*words, '--smpl', model)
    assert out.splitlines() == [
        f'{dst}/annotations/train.json: 2 people',
        f'{dst}/annotations/test.json: 2 people',
    ]
    status, _, err = command(*words, '--smpl', 'absent.pkl')
    assert status == 2
    last = err.splitlines()[-1]
    assert last.startswith('error: There is no SMPL model absent.pkl')


@pytest.mark.slow
def test_config_trains_and_evaluates(tmp_path):
    """The config as it is, but for the data and two epochs."""
    sequences = [
        (activity, number)
        for activity in ('01_tagging', '03_fencing')
        for number in (1, 5, 6)
    ]
    model = write_copy(tmp_path, 35, sequences, count=3)
    convert = (TOOL, 'data', '--out', 'ego', '--smpl', model)
    out = call(tmp_path, *convert, '--workers', 2)
    assert 'ego/annotations/train.json: 6 people' in out
    before = {p: p.stat().st_ino for p in tmp_path.rglob('*.safetensors')}
    assert call(tmp_path, *convert) == out
    after = {p: p.stat().st_ino for p in tmp_path.rglob('*.safetensors')}
    assert before == after and len(after) == 36
    config = str(REPO / 'configs/mobind/egohumans.py')
    common = ('--data-root', 'ego', '--work-dir', 'work', '--cfg-options')
    call(
        tmp_path,
        *('train.py', config, *common, 'train_cfg.max_epochs=2'),
        'train_cfg.val_interval=1',
    )
    call(
        tmp_path,
        *('test.py', config, 'work/epoch_2.pth', '--out', 'results.json'),
        *('--data-root', 'ego', '--work-dir', 'work'),
    )
    results = json.loads((tmp_path / 'results.json').read_text())
    # 2 test sequences of 3 people, windows of 5 s every 2 s.
    assert 2 * 3 * 13 <= results['retrieval/num_windows'] <= 2 * 3 * 16
    assert results['sync/num_clips'] == 2 * 3 * 3
    assert results['sync/mae_s'] < results['sync/zero_mae_s']
    assert results['sync/acc@0.2'] > 0.8
    assert results['localization/num_subject_P3'] > 70
    assert results['action/num_queries'] > 0
