"""Archives that cannot be read as what they say they are."""

import zipfile

import pytest

from mobind_mm.readers import recognize
from mobind_mm.readers.archives import open_file


@pytest.mark.parametrize('method', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_of_which_python_unpacks_all_at_once(tmp_path, method):
    path = tmp_path / 'a.zip'
    with zipfile.ZipFile(path, 'w', method) as archive:
        archive.writestr('Accelerometer.csv', '0' * 1000)
    with pytest.raises(ValueError, match='another method than Deflate'):
        open_file(path / 'Accelerometer.csv', 10)  # all of it: 1.1 GB, 75 s
    assert recognize(path) is None


def test_an_archive_whose_files_begin_before_it(tmp_path):
    path = tmp_path / 'a.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('Accelerometer.csv', 'x')
    content = path.read_bytes()
    path.write_bytes(content[30:])  # OSError: Invalid argument
    with pytest.raises(ValueError, match=r'a\.zip.*cannot be read'):
        open_file(path / 'Accelerometer.csv')
