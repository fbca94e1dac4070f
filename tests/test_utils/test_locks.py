"""Locks are held by one process, and end with it."""

import errno
import os
import signal
import sys
import types

import pytest
from mmengine.config import Config
from processes import hold
from programs import posix

from mobind_mm.cli.train import _only_training
from mobind_mm.utils import locks
from mobind_mm.utils.locks import locked


@posix
def test_a_killed_process_holds_no_lock(tmp_path):
    file = tmp_path / 'run/.training.lock'
    python = hold(file)
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
            again = locked(file, 'is busy', 'Wait')
            with pytest.raises(ValueError, match='is busy. Wait.'), again:
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


class Msvcrt:
    """Locks as Windows has them: of bytes, for handles, till given back."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self):
        self.held = set()

    def locking(self, number, mode, count):
        place = os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR)
        assert count == 1
        if mode == self.LK_UNLCK:
            self.held.remove(place)
        elif place in self.held:
            raise PermissionError(errno.EACCES, 'Permission denied')
        self.held.add(place) if mode == self.LK_NBLCK else None


def test_locks_of_windows(tmp_path, monkeypatch):
    system = Msvcrt()
    monkeypatch.setitem(sys.modules, 'msvcrt', system)
    monkeypatch.setattr(locks, 'sys', types.SimpleNamespace(platform='win32'))
    file = tmp_path / 'run/.lock'
    for _ in range(2):  # given back before the file is closed
        with locks.locked(file, 'is busy', 'Wait') as alone:
            assert alone and len(system.held) == 1
            monkeypatch.setattr(locks, '_HELD', set())  # another process
            holder = rf'is busy \(process {os.getpid()} on .*\). Wait'
            again = locks.locked(file, 'is busy', 'Wait')
            with pytest.raises(ValueError, match=holder), again:
                pass
            assert file.stat().st_size < 1000  # not a gigabyte of nothing
        assert not system.held
