"""The contract of readers, held by those of the package."""

import pytest

from mobind_mm.readers import (
    FileReader,
    check_reader,
    get_reader,
    recognize,
    register_reader,
)
from mobind_mm.readers import base as base_module
from mobind_mm.readers.utd_mhad import UTDMHADReader


@pytest.fixture(autouse=True)
def same_registry(monkeypatch):
    monkeypatch.setattr(base_module, '_READERS', {**base_module._READERS})


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
