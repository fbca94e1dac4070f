"""The soak script has a target for every reader, and each can be read."""

import sys
from pathlib import Path

import pytest

sys.path.insert(1, str(Path(__file__).parents[1]))
import soak_readers

from mobind_mm.readers.base import FILE_FORMATS

TARGETS = soak_readers.targets()


def test_every_format_has_a_target():
    names = {target.reader for target in TARGETS.values()}
    assert names == {*FILE_FORMATS, soak_readers.FRAME_TIMES}


@pytest.mark.parametrize(
    'label',
    [
        *('CSV table', 'Parquet table', 'recording', 'MMPose 1.x', 'HDF5'),
        *('video', 'table, days of MATLAB', 'Sapiens', 'zip of OpenPose'),
        *('data frame, split', 'labels of DeepLabCut', 'ffprobe, JSON'),
    ],
)
def test_targets_that_no_other_test_has(label, tmp_path):
    if label == 'video':
        pytest.importorskip('cv2')
    if label == 'Parquet table':
        pytest.importorskip('pyarrow')
    outcomes = TARGETS[label].soak(tmp_path, 16, seed=1)
    assert sum(outcomes.values()) >= 16


@pytest.mark.parametrize('name', soak_readers.TOGETHER)
def test_bad_files_among_good_ones(name, tmp_path):
    outcomes = soak_readers.TOGETHER[name].soak(tmp_path, 3, seed=2)
    assert sum(outcomes.values()) == 3


@pytest.mark.slow
def test_two_hundred_copies_of_each():
    rows = list(soak_readers.soak(200))
    assert [row[0] for row in rows] == soak_readers.NAMES
    assert all(row[1] >= 200 for row in rows)
