"""What a sixth attack found: memory, users, clocks, Windows, optimisation."""

import errno
import getpass
import json
import os
import sys
import time
import types
import zipfile
from concurrent.futures import BrokenExecutor
from pathlib import Path

import numpy as np
import pytest
from programs import REPO
from raw_pose_tools import RATE, SHAPE, person
from safetensors.numpy import save

from mobind_mm.app import sessions
from mobind_mm.app.work import run
from mobind_mm.evaluation import archive_files
from mobind_mm.readers.archives import open_file
from mobind_mm.readers.convert import convert_all
from mobind_mm.readers.files import Video, load_pose
from mobind_mm.utils import compat, locks
from mobind_mm.utils.checkpoint import read_checkpoint
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.model_index import find_config
from mobind_mm.utils.video_writing import writing_video

posix = pytest.mark.skipif(os.name != 'posix', reason='users of POSIX')
FULL = OSError(errno.ENOSPC, 'No space left on device')


@pytest.mark.parametrize(
    'error',
    [
        RuntimeError("DefaultCPUAllocator: can't allocate memory: tried 9"),
        ImportError('libtorch_cpu.so: cannot allocate memory'),
        OSError(errno.ENOMEM, 'Cannot allocate memory'),
        MemoryError(),
    ],
)
def test_too_little_memory_is_one_line(error, capsys, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.delenv('MOBIND_DEBUG', raising=False)
    with pytest.raises(SystemExit) as end:
        run_command(fail)  # a traceback
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.startswith('error: there is too little memory. ')
    assert said.count('\n') == 1
    sent = []
    monkeypatch.setitem(run.__globals__, '_JOBS', {'inspect': fail})
    run(types.SimpleNamespace(send=sent.append), 'inspect', 'x', {})
    assert sent == [('error', 'This computer has too little memory for it.')]


@pytest.mark.parametrize(
    ('made', 'mapped', 'said'),
    [
        (FULL, None, r'shared memory, /dev/shm .*leave --workers out'),
        (None, BrokenExecutor('abruptly'), 'fewer --workers'),
    ],
)
def test_workers_that_cannot_work(made, mapped, said, monkeypatch):
    """No size of /dev/shm; killed by a system short of memory."""

    class Pool:
        def __init__(self, *_, **__):
            if made:
                raise made

        def map(self, *_):
            raise mapped

        def shutdown(self, **_):
            pass

    monkeypatch.setitem(convert_all.__globals__, 'ProcessPoolExecutor', Pool)
    with pytest.raises(OSError, match=said):
        convert_all(str, [1, 2], 2)


@posix
@pytest.mark.parametrize('home', [{}, {'HOME': ''}, {'HOME': 'here'}])
def test_a_user_without_an_account(home, monkeypatch):
    """As in containers; yapf and PyTorch could not be imported."""
    import pwd

    def nobody(_):
        raise KeyError('uid not found')

    monkeypatch.setattr(pwd, 'getpwuid', nobody)
    monkeypatch.setattr(os, 'environ', dict(home))
    compat.apply()
    assert os.path.isabs(os.path.expanduser('~'))
    assert getpass.getuser() == f'uid{os.getuid()}'
    for read in (find_config, read_checkpoint):  # RuntimeError
        with pytest.raises(FileNotFoundError, match='~nobody1'):
            read('~nobody1/x.py')


@posix
def test_a_directory_that_was_removed(tmp_path, monkeypatch, command):
    gone = tmp_path / 'gone'
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    status, _, said = command('mobind', 'models')
    assert status == 2 and 'current directory has been removed' in said


@posix
def test_the_clock_of_this_machine_may_be_wrong(tmp_path, monkeypatch):
    pytest.importorskip('cv2')
    written = tmp_path / '.a.other-1-00000000.tmp'
    written.write_text('by another machine, now')
    with writing_video(tmp_path / 'v/a.mp4', 25.0, (16, 16)) as add:
        add(np.zeros((16, 16, 3), np.uint8))
        half = next(p.name for p in (tmp_path / 'v').glob('.*.mp4'))
    gone = half.replace(f'-{os.getpid()}-', '-999999999-')
    video = tmp_path / gone
    video.write_text('by a process that was killed')
    monkeypatch.setattr(time, 'time', lambda: 4e9)
    write_whole(tmp_path / 'b', '')
    assert written.exists() and not video.exists()
    folder = tmp_path / 'mobind-app-old'
    folder.mkdir()
    os.utime(folder, (5e9, 5e9))
    sessions._remove_abandoned(tmp_path)
    assert not folder.exists()  # private, and kept till the year 2128


def test_what_other_systems_refuse(tmp_path, monkeypatch):
    """Windows opens no directories, and waits for what can be written."""
    opened, opening = {}, os.open

    def windows(path, flags, *mode):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, 'Permission denied', path)
        number = opening(path, flags, *mode)
        opened[number] = flags
        return number

    monkeypatch.setattr(os, 'open', windows)
    waited = []
    monkeypatch.setattr(os, 'fsync', lambda n: waited.append(opened[n]))
    path = tmp_path / 'a.json'
    write_whole(path, '1', durable=True)
    assert waited == [os.O_RDWR] and path.read_text() == '1'

    def in_use(source, target):
        raise PermissionError(errno.EACCES, 'Access is denied', source)

    monkeypatch.setattr(os, 'replace', in_use)
    with pytest.raises(PermissionError) as error:
        write_whole(path, '2')
    assert str(error.value).startswith(f'{path} cannot be replaced (Access')
    assert [*tmp_path.iterdir()] == [path]


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


@pytest.fixture
def optimised(monkeypatch):
    """A module as ``python -OO`` has it: no assert, no docstring."""

    def load(path, package=''):
        module = types.ModuleType(f'{package}.optimised')
        module.__package__ = package
        monkeypatch.setitem(sys.modules, module.__name__, module)
        text = Path(path).read_text('utf-8')
        exec(compile(text, str(path), 'exec', optimize=2), vars(module))
        return module

    return load


@pytest.mark.parametrize(
    'name', ['get_flops', 'browse_dataset', 'analyze_logs']
)
def test_help_without_docstrings(name, optimised, monkeypatch, capsys):
    tool = optimised(REPO / f'tools/analysis_tools/{name}.py')
    monkeypatch.setattr(sys, 'argv', [name, '--help'])
    with pytest.raises(SystemExit, match='0'):
        tool.main()
    assert 'usage' in capsys.readouterr().out


def test_a_damaged_shard_without_asserts(tmp_path, optimised):
    module = optimised(archive_files.__file__, archive_files.__package__)
    content = save({'vectors': np.zeros((2, 4), np.float16)})
    (tmp_path / 'a.safetensors').write_bytes(content)
    shard = module.Shard(tmp_path, {'width': [4]}, {'name': 'a', 'rows': 2})
    with pytest.raises(ValueError, match="has no array 'mask'"):
        shard.vectors(slice(0, 2))  # read without a look at the rest


def test_json_that_powershell_saved(tmp_path):
    """Named "no complete JSON" before."""
    points, scores = person(12)
    frames = [
        {'frame': i, 'keypoints': np.c_[p, s].tolist()}
        for i, (p, s) in enumerate(zip(points, scores))
    ]
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(frames), encoding='utf-16')
    pose = load_pose(path, Video(rate=RATE, img_shape=SHAPE))
    assert pose.clock.num_samples == 12


def test_an_archive_whose_files_begin_before_it(tmp_path):
    path = tmp_path / 'a.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('Accelerometer.csv', 'x')
    content = path.read_bytes()
    path.write_bytes(content[30:])  # OSError: Invalid argument
    with pytest.raises(ValueError, match=r'a\.zip.*cannot be read'):
        open_file(path / 'Accelerometer.csv')
