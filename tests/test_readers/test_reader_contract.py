"""The contract of readers, held by those of the package."""

import errno
from concurrent.futures import BrokenExecutor
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mobind_mm.readers import (
    DataSetReader,
    FileReader,
    Output,
    Take,
    check_reader,
    convert,
    get_reader,
    recognize,
    register_reader,
)
from mobind_mm.readers import base as base_module
from mobind_mm.readers.convert import convert_all
from mobind_mm.readers.utd_mhad import UTDMHADReader
from mobind_mm.recordings import Clock, Recording, SensorStream
from mobind_mm.skeleton import LIMBS, Limb, get_limb


@pytest.fixture(autouse=True)
def same_registry(monkeypatch):
    monkeypatch.setattr(base_module, '_READERS', base_module.readers())


def test_utd_mhad(utd_mhad_root, tmp_path):
    for kind in ('Inertial', 'Skeleton'):
        (tmp_path / 'src' / kind).mkdir(parents=True)
        for path in sorted((utd_mhad_root / kind).glob('a1_s[12]_t1_*')):
            (tmp_path / 'src' / kind / path.name).symlink_to(path)
    check_reader(UTDMHADReader(tmp_path / 'src'), tmp_path / 'dst')


def test_unknown_format_names_the_nearest():
    assert get_reader('utd_mhad') is UTDMHADReader
    with pytest.raises(ValueError, match="'utd_mhd'.*mean 'utd_mhad'"):
        get_reader('utd_mhd')


def test_a_name_is_taken_once():
    class Other(FileReader):
        name = 'utd_mhad'

    with pytest.raises(ValueError, match='registered already: .*UTDMHAD'):
        register_reader(Other)
    assert get_reader('utd_mhad') is UTDMHADReader


def test_the_last_registered_is_asked_first(tmp_path):
    @register_reader
    class Mine(FileReader):
        name = 'mine'

        @classmethod
        def recognizes(cls, path):
            return path.suffix == '.mine'

    assert recognize(tmp_path / 'a.mine') is Mine
    assert recognize(tmp_path / 'a.other') is not Mine


def test_a_reader_without_content_fails(tmp_path):
    class Empty(FileReader):
        name = 'empty'

        @classmethod
        def recognizes(cls, path):
            return path.suffix == '.empty'

    with pytest.raises(AssertionError, match='read_imu'):
        check_reader(Empty(tmp_path / 'a.empty'), tmp_path)


class Loose(DataSetReader):
    """Has the takes that it is given, without a look at them."""

    name = 'loose'
    metainfo = {'dataset_name': 'loose', 'classes': ()}

    def __init__(self, source, takes):
        super().__init__(source)
        self.takes = takes

    def find(self):
        return self.takes

    def read_take(self, take):
        acc = np.ones((30, 3), np.float32)
        return Recording({'head': SensorStream(Clock(30, 30.0), {'acc': acc})})


def take(name='a', split='train'):
    output = Output(f'imu/{name}.safetensors', {'dataset': 'loose'})
    return Take(name, 'p1', 's1', split, output)


def test_nothing_found_leaves_an_earlier_conversion_alone(tmp_path):
    convert(Loose('raw', [take()]), tmp_path)
    with pytest.raises(FileNotFoundError, match="raw: .*nothing.*'loose'"):
        convert(Loose('raw', []), tmp_path)
    assert (tmp_path / 'annotations/train.json').is_file()


@pytest.mark.parametrize(
    ('other', 'message'),
    [
        (take('b', 'training'), "raw: take 'b': the split 'training' is not"),
        (take('a', 'test'), "raw: take 'a': the reader gives it twice"),
    ],
)
def test_takes_that_would_spoil_the_annotations(other, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        convert(Loose('raw', [take(), other]), tmp_path)
    assert not (tmp_path / 'annotations').exists()
    other = replace(other, name='c', split='val')
    assert convert(Loose('raw', [take(), other]), tmp_path).entries['val']


def test_errors_of_workers_keep_the_name_of_the_file(tmp_path):
    missing = tmp_path / 'missing.csv'
    with pytest.raises(FileNotFoundError, match='missing.csv') as caught:
        convert_all(open, [missing], workers=2)
    assert caught.value.__cause__ is None


def test_workers_know_limbs_of_the_user(monkeypatch):
    limb = Limb('back', ('left_hip', 'right_hip', 'right_shoulder'))
    monkeypatch.setitem(LIMBS, 'back', limb)
    assert convert_all(get_limb, ['back', 'head'], workers=2)[0] == limb


def test_a_reader_that_cannot_go_to_workers_fails(tmp_path):
    reader = Loose('raw', [take()])
    reader.unit = lambda acc: acc / 9.81
    with pytest.raises(AssertionError, match='Loose .* pickled .*lambda'):
        check_reader(reader, tmp_path)
    del reader.unit
    check_reader(reader, tmp_path)


def test_a_file_that_does_not_say_its_source_is_written_again(tmp_path):
    reader, path = Loose('raw', [take()]), tmp_path / 'imu/a.safetensors'
    convert(reader, tmp_path)
    content = path.read_bytes()
    arrays = load_file(path)
    with safe_open(path, framework='numpy') as file:
        header = file.metadata()['header'].replace('"source"', '"sources"')
    path.unlink()
    save_file(arrays, path, {'header': header})
    convert(reader, tmp_path)
    assert path.read_bytes() == content


FULL = OSError(errno.ENOSPC, 'No space left on device')


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
