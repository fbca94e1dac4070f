import json
import re
import signal
import socket
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mobind_mm.cli.config import load_config, set_data_root

TOOLS = Path(__file__).parents[2] / 'tools'


def weights(path):
    return torch.load(path, weights_only=True)['state_dict']


def train(name, *arguments):
    """Arguments of a run with its own work dir, without evaluation."""
    return (
        *('train.py', 'tiny.py', '--work-dir', name, '--no-validate'),
        *('--data-root', 'data', '--seed', '7', *arguments, '--cfg-options'),
        # MMEngine keeps one logger for each name.
        *(f'experiment_name={name}', 'optim_wrapper.optimizer.lr=0.05'),
    )


def test_killed_run_goes_on(project, run):
    """A run that is killed and resumed ends as one that is not."""
    # 6 iterations an epoch: the kill comes in the last of three.
    killed = run(train('killed'), TINY_KILL_AT='14')
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (project / 'killed/epoch_3.pth').exists()
    runs = run(
        train('whole'),
        train('killed', '--resume'),
        # --data-root reaches both datasets inside the wrapper.
        (
            *('test.py', 'tiny.py', 'whole/epoch_3.pth', '--data-root'),
            *('data', '--out', 'new/results.json', '--work-dir', 'tested'),
        ),
    )
    assert runs.returncode == 0, runs.stderr
    log = runs.stdout + runs.stderr
    assert 'resumed epoch: 2' in log
    assert 'lr: 5.0000e-02' in log and 'Epoch(val)' not in log
    whole, resumed = (
        weights(project / name / 'epoch_3.pth') for name in ('whole', 'killed')
    )
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)

    results = json.loads((project / 'new/results.json').read_text())
    assert results == {
        'tiny/mean': (0 + 1 + 2 + 3 + 4 + 5 + 20 + 30) / 8,
        'tiny/nothing': None,
        'tiny/n': 8,
    }
    assert [p.name for p in (project / 'new').iterdir()] == ['results.json']


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def test_processes_without_gpu(project, run):
    """Two gloo processes train as one does with twice the batch.

    One goes on from the checkpoint of two.
    """
    _, config, *arguments = train('two')
    two = run(('dist_train.sh', config, 2, *arguments), PORT=free_port())
    assert two.returncode == 0, two.stderr
    wide = 'train_dataloader.batch_size=4'
    on = train('on', '--resume', 'two/epoch_1.pth')
    one = run((*train('one'), wide), (*on, wide))
    assert one.returncode == 0, one.stderr
    assert 'resumed epoch: 1' in one.stdout + one.stderr
    one, two, on = (
        weights(project / n / 'epoch_3.pth') for n in ('one', 'two', 'on')
    )
    for name, value in one.items():
        torch.testing.assert_close(value, two[name])
        torch.testing.assert_close(value, on[name])


@pytest.mark.skipif(sys.platform != 'linux', reason='/proc')
def test_no_thread_of_a_group_outlives_its_command(project, run):
    """One did while Python ended, and aborted the process."""
    (project / 'threads.py').write_text(
        'from pathlib import Path\n'
        "for path in Path('/proc/self/task').glob('*/comm'):\n"
        "    print('thread', path.read_text().strip())\n"
    )
    command = train('one', '--launcher', 'pytorch')
    environment = {
        **{'RANK': '0', 'WORLD_SIZE': '1', 'LOCAL_RANK': '0'},
        **{'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': free_port()},
    }
    done = run(command, (project / 'threads.py',), **environment)
    assert done.returncode == 0, done.stderr
    threads = re.findall('thread (.*)', done.stdout)
    assert threads and not [t for t in threads if 'gloo_runloop' in t]


def test_one_process_of_several_is_killed(project, run):
    """The job ends with an error, and goes on from its checkpoint."""
    _, config, *arguments = train('two')
    begin = time.monotonic()
    killed = run(
        ('dist_train.sh', config, 2, *arguments),
        PORT=free_port(),
        TINY_KILL_AT='4',
        TINY_KILL_RANK='1',
    )
    assert killed.returncode not in (0, None)
    assert 'Signal 9 (SIGKILL)' in killed.stderr
    assert time.monotonic() - begin < 120
    assert (project / 'two/epoch_1.pth').is_file()
    assert not (project / 'two/epoch_3.pth').exists()


def test_a_data_worker_is_killed(project, run):
    """The job ends with an error instead of waiting for the worker."""
    killed = run(
        (*train('worker'), 'train_dataloader.num_workers=1'),
        TINY_KILL_WORKER='3',
    )
    assert killed.returncode not in (0, None)
    assert 'DataLoader worker' in killed.stderr
    assert 'Killed' in killed.stderr or 'signal' in killed.stderr


@pytest.mark.slow
def test_resuming_passes_over_a_damaged_checkpoint(project, run):
    assert run(train('damaged')).returncode == 0
    last = project / 'damaged/epoch_3.pth'
    whole = weights(last)
    last.write_bytes(last.read_bytes()[:-100])
    resumed = run(train('damaged', '--resume'))
    assert resumed.returncode == 0, resumed.stderr
    log = resumed.stdout + resumed.stderr
    assert log.count('epoch_3.pth cannot be read') == 1
    assert 'resumed epoch: 2' in log
    again = weights(last)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_checkpoint_of_another_model(project, failure):
    line = {'line.weight': torch.ones(1, 1), 'line.bias': torch.ones(1)}
    torch.save(line, 'narrow.pth')
    last = failure(
        *('test.py', 'tiny.py', 'narrow.pth', '--cfg-options'),
        *('model.width=3', f'experiment_name={project.name}'),
    )
    assert last.startswith('error: The checkpoint narrow.pth does not fit')
    assert 'line.weight has shape (1, 1) in the file and (3, 3)' in last


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere.py'], 'There is no config nowhere.py'),
        (['tiny.py', '--data-root', 'gone'], '--data-root gone is not a dir'),
        (['tiny.py', '--auto-scale-lr'], 'base_batch_size'),
        (['tiny.py', '--load-from', 'gone.pth'], 'no checkpoint gone.pth'),
        (['tiny.py', '--resume', 'gone.pth'], 'no checkpoint gone.pth'),
        (['tiny.py', '--resume', 'bare.pth'], 'no training state'),
        (['tiny.py', '--load-from', 'text.pth'], 'cannot be read as a check'),
        (['tiny.py', '--load-from', 'other.pth'], 'line.weight is missing'),
    ],
)
def test_mistakes_in_training(project, failure, arguments, message):
    line = {'line.weight': torch.ones(1, 1), 'line.bias': torch.ones(1)}
    torch.save({'state_dict': line}, 'bare.pth')
    torch.save({'other.weight': torch.ones(1)}, 'other.pth')
    Path('text.pth').write_text('not a checkpoint')
    # A name of its own, as MMEngine keeps loggers by it.
    last = failure(
        'train.py',
        *arguments,
        '--cfg-options',
        f'experiment_name={project.name}',
    )
    assert last.startswith('error: ') and message in last


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs no GPU')
@pytest.mark.parametrize(
    'flag',
    [['--amp'], ['--cfg-options', 'optim_wrapper.type=AmpOptimWrapper']],
)
def test_mixed_precision_needs_a_gpu(failure, flag):
    last = failure('train.py', 'tiny.py', *flag)
    assert last.startswith('error: Mixed precision') and 'leave it out' in last


def test_out_must_be_a_json_file(failure):
    for out in ('results.txt', 'data'):
        last = failure(*('test.py', 'tiny.py', 'gone.pth', '--out', out))
        assert last.startswith(f'error: --out {out}')


def test_errors_of_others_keep_their_traceback(project, failure):
    text = Path('tiny.py').read_text()
    Path('tiny.py').write_text(text + 'broken = 1 / 0\n')
    with pytest.raises(ZeroDivisionError):
        failure('train.py', 'tiny.py')


def flags(**changes):
    defaults = {
        'config': 'tiny.py',
        'launcher': 'none',
        'work_dir': None,
        'data_root': None,
        'seed': None,
        'cfg_options': None,
    }
    return Namespace(**{**defaults, **changes})


def test_work_dir(project, monkeypatch):
    monkeypatch.chdir(project)
    assert load_config(flags()).work_dir == str(project / 'from_config')
    assert load_config(flags(work_dir='w')).work_dir == str(project / 'w')
    cfg = load_config(flags(cfg_options={'work_dir': None}))
    assert cfg.work_dir == str(project / 'work_dirs/tiny')
    assert load_config(flags(seed=3)).randomness == {'seed': 3}


def test_data_root_reaches_every_dataset(tmp_path):
    leaf = {'type': 'A', 'data_root': 'old', 'ann_file': 'old'}
    cfg = Config(
        {
            'data_root': 'old',
            'train_dataloader': {'dataset': {'type': 'B', 'dataset': leaf}},
            'val_dataloader': {'dataset': {'datasets': [leaf, dict(leaf)]}},
            'more': [{'test_dataloader': {'dataset': leaf}}],
            'model': {'type': 'M', 'paths': {'data_root': 'not a dataset'}},
        }
    )
    set_data_root(cfg, str(tmp_path))
    new = {**leaf, 'data_root': str(tmp_path)}
    assert cfg.train_dataloader.dataset.dataset == new
    assert list(cfg.val_dataloader.dataset.datasets) == [new, new]
    assert cfg.more[0].test_dataloader.dataset == new
    assert cfg.data_root == str(tmp_path)
    assert cfg.model.paths.data_root == 'not a dataset'
    with pytest.raises(ValueError, match='no dataset'):
        set_data_root(Config({'model': {'type': 'M'}}), str(tmp_path))
