"""Results are whole or not there, whatever the system does."""

import errno
import os
import stat
import time

import numpy as np
import pytest
from programs import posix
from safetensors import safe_open

from mobind_mm.app import sessions
from mobind_mm.utils import video_writing
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.results import write_json
from mobind_mm.utils.tensors import write_tensors


def test_a_result_takes_the_place_of_files_alone(tmp_path):
    os.mkfifo(tmp_path / 'a.json')
    with pytest.raises(OSError, match=r'a\.json is not a file'):
        write_json(tmp_path / 'a.json', {})
    assert stat.S_ISFIFO((tmp_path / 'a.json').stat().st_mode)
    assert [*tmp_path.iterdir()] == [tmp_path / 'a.json']


def test_temporary_files_of_other_machines(tmp_path):
    """A container has another name, or counts processes anew, each time."""
    left, other, mine = (
        tmp_path / f'.a.{name}.tmp'
        for name in ('gone-1-00000000', 'gone-2-00000000', 'x-y')
    )
    for path in (left, other, mine):
        path.write_text('')
    for path in (left, mine):
        os.utime(path, (0, 0))
    target = tmp_path / ('\N{SNOWMAN}' * 80)  # 240 bytes of 255
    write_whole(target, '')
    assert sorted(tmp_path.iterdir()) == sorted([mine, other, target])


@posix
def test_the_clock_of_this_machine_may_be_wrong(tmp_path, monkeypatch):
    pytest.importorskip('cv2')
    # PyAV makes no file before it has frames.
    monkeypatch.setattr(video_writing, 'find_spec', lambda _: None)
    written = tmp_path / '.a.other-1-00000000.tmp'
    written.write_text('by another machine, now')
    with video_writing.writing_video(
        tmp_path / 'v/a.mp4', 25.0, (16, 16)
    ) as add:
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
