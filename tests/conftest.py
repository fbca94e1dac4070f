"""What the tests of several parts share."""

import os
import runpy
import sys
import types
from collections.abc import Iterator
from pathlib import Path

if 'PYTEST_XDIST_WORKER' in os.environ:
    # Workers share the cores; threads of each for all of them only wait for
    # one another. Before anything imports NumPy or PyTorch.
    os.environ.setdefault('OMP_NUM_THREADS', '1')

import hypothesis
import mmengine.config.config
import pytest
from mmengine.registry import DefaultScope, init_default_scope

_ROOT = Path(__file__).parent
sys.path[:0] = [
    str(_ROOT / 'helpers'),
    str(_ROOT / 'strangers'),
    str(_ROOT.parent / 'tools/analysis_tools'),
    str(_ROOT.parent / 'tools/misc'),
]

# To set the text of a config beautifully takes seconds for each.
mmengine.config.config.FormatCode = lambda text, **_: (text, True)
# A busy machine is no error.
hypothesis.settings.register_profile('patient', deadline=None)
hypothesis.settings.load_profile('patient')


@pytest.fixture(autouse=True)
def same_default_scope() -> Iterator[None]:
    """Undo a test's default scope, which every Runner sets for good."""
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture
def command(monkeypatch, capsys):
    """Run ``mobind``, or a program of ``tools/``, in this process.

    Returns its status, and what it prints on both streams.
    """

    def run(name, *words):
        path = name if name == 'mobind' else str(_ROOT.parent / 'tools' / name)
        monkeypatch.setattr(sys, 'argv', [path, *map(str, words)])
        status = 0
        try:
            if name == 'mobind':
                from mobind_mm.cli.main import main

                main()
            else:
                runpy.run_path(path, run_name='__main__')
        except SystemExit as error:
            status = error.code or 0
        return status, *capsys.readouterr()

    monkeypatch.delenv('MOBIND_DEBUG', raising=False)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    return run


@pytest.fixture
def mobind_scope() -> None:
    """Names without a scope are the package's; PyTorch starts at seed 0."""
    import torch

    init_default_scope('mobind_mm')
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def utd_mhad_root() -> Path:
    """Raw UTD-MHAD beside the checkout; skips where it is absent."""
    root = Path(__file__).parents[2] / 'shared/data/utd_mhad'
    if not root.is_dir():
        pytest.skip(f'UTD-MHAD is not at {root}')
    return root


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
