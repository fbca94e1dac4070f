"""The examples in docstrings do what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mobind_mm'
MODULES = sorted(
    '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts)
    for path in PACKAGE.rglob('*.py')
    if '>>> ' in path.read_text('utf-8')
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize('name', MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name.removesuffix('.__init__'))
    result = doctest.testmod(module, optionflags=FLAGS)
    assert result.attempted and not result.failed
    assert list(tmp_path.iterdir()) == []


def test_there_are_examples():
    assert len(MODULES) > 10
