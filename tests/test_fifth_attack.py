"""What a fifth attack found: two writers, permissions, interruption."""

import os
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest
from mmengine.config import Config
from programs import REPO
from safetensors import safe_open

from mobind_mm.cli.train import _only_training
from mobind_mm.utils.locks import locked
from mobind_mm.utils.tensors import write_tensors

posix = pytest.mark.skipif(os.name != 'posix', reason='signals of POSIX')

HOLDING = """
import os, sys, time
from pathlib import Path
from mobind_mm.utils.locks import locked

with locked(Path(sys.argv[1]), 'is busy', 'Wait') as alone:
    child = os.fork() if alone else -1
    if child:
        print(child, flush=True)
    time.sleep(60)
"""


@posix
def test_a_killed_process_holds_no_lock(tmp_path):
    file = tmp_path / 'run/.training.lock'
    python = subprocess.Popen(
        [sys.executable, '-c', HOLDING, file],
        env={**os.environ, 'PYTHONPATH': str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(python.stdout.readline())  # a data worker that lives on
    try:
        cfg = Config(dict(work_dir=str(file.parent), launcher='none'))
        with pytest.raises(ValueError) as error, _only_training(cfg):
            pass
        assert str(error.value).startswith(
            f'{file.parent} is in use by another training '
            f'(process {python.pid} on '
        )
        assert str(error.value).endswith('directory (--work-dir).')
        python.kill()
        python.wait()
        with _only_training(cfg):
            assert file.read_text().startswith(f'process {os.getpid()} on ')
    finally:
        os.kill(child, signal.SIGKILL)
        python.kill()


def test_a_lock_holds_within_a_process(tmp_path):
    file = tmp_path / '.lock'
    for _ in range(2):  # released at the end
        with locked(file, 'is busy', 'Wait') as alone:
            assert alone
            with pytest.raises(ValueError, match='is busy. Wait.'):
                with locked(file, 'is busy', 'Wait'):
                    pass


@pytest.mark.parametrize('launcher, variable', [
    ('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID')
])  # fmt: skip
def test_processes_of_a_run_share_its_lock(
    tmp_path, monkeypatch, launcher, variable
):
    cfg = Config(dict(work_dir=str(tmp_path), launcher=launcher))
    with _only_training(cfg):
        monkeypatch.setenv(variable, '1')
        with _only_training(cfg):
            pass
        cfg.launcher = 'none'  # several runs that know nothing of each other
        with pytest.raises(ValueError, match='in use'), _only_training(cfg):
            pass


def test_a_disk_without_locks(tmp_path, monkeypatch, capsys):
    (tmp_path / '.training.lock').mkdir()  # cannot be written
    cfg = Config(dict(work_dir=str(tmp_path), launcher='none'))
    with _only_training(cfg):
        assert 'cannot be locked' in capsys.readouterr().err
    fcntl = pytest.importorskip('fcntl')
    (tmp_path / '.training.lock').rmdir()

    def no_locks(*_):
        raise OSError(37, 'No locks available')

    monkeypatch.setattr(fcntl, 'lockf', no_locks)
    with _only_training(cfg):
        assert 'cannot be locked' in capsys.readouterr().err


def test_files_of_tensors(tmp_path):
    path = tmp_path / 'a.safetensors'
    arrays = {
        'mask': np.array([[True, False, True]]),
        'half': np.arange(5, dtype=np.float16),
        'turned': np.arange(6.0).reshape(2, 3).T,
        'big': np.arange(3, dtype='>i4'),
        'none': np.zeros((0, 4), np.float32),
    }
    before = os.umask(0o027)
    try:
        write_tensors(path, arrays, 'sign \N{SNOWMAN}')
    finally:
        os.umask(before)
    if os.name == 'posix':
        assert stat.S_IMODE(path.stat().st_mode) == 0o640  # 0o600
    with safe_open(path, 'np') as file:
        assert file.metadata() == {'header': 'sign \N{SNOWMAN}'}
        assert set(file.keys()) == set(arrays)
        for name, array in arrays.items():
            read = file.get_tensor(name)
            assert read.dtype == array.dtype.newbyteorder('=')
            np.testing.assert_array_equal(read, array)
    assert [*tmp_path.iterdir()] == [path]
