"""Damaged files of pose tools: one clear error, or a result."""

import pandas
import pytest
from corruption import check_damaged
from raw_pose_tools import RATE, SHAPE, TOOLS, person
from reader_fixtures import quick_collection  # noqa: F401

from mobind_mm.readers.files import Video, load_people


@pytest.fixture(autouse=True, scope='module')
def text_columns():
    """Let pandas' texts reserve their memory before it is limited."""
    pandas.Series(['a', 'b']).astype(str).map(str.upper)
    pandas.Series(['a', 1.0]).astype('str')


def read(path):
    source = path if path.parent.name not in ('json', 'labels') else None
    video = Video(rate=RATE, img_shape=SHAPE)
    return load_people(source or path.parent, video, min_sec=0.1)


def damage(tool, folder, count):
    files = TOOLS[tool][0](*person(24))
    some = [*files][5:8] if len(files) > 1 else None
    return check_damaged(read, files, folder, count, damage=some)


@pytest.mark.parametrize('tool', TOOLS)
def test_damaged_files(tool, tmp_path):
    outcomes = damage(tool, tmp_path, 24)
    assert sum(outcomes.values()) >= 24


@pytest.mark.slow
@pytest.mark.parametrize('tool', TOOLS)
def test_many_damaged_files(tool, tmp_path):
    outcomes = damage(tool, tmp_path, 1000)
    assert outcomes['read'] and outcomes['refused']
