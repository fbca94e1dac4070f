"""Nothing in the package or its commands executes code from data."""

import ast
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
FILES = sorted([*REPO.glob('mobind_mm/**/*.py'), *REPO.glob('tools/**/*.py')])

ALLOWED = {
    # Allows a list of names and calls none of them, in a process of its own.
    ('mobind_mm/readers/unpickle_child.py', 'import pickle'),
    # Imports its own subcommands, and what users name with --import.
    ('mobind_mm/cli/main.py', 'import importlib'),
    # Imports the modules of this package.
    ('mobind_mm/utils/lazy.py', 'import importlib'),
    # Stands in for modules that a wheel forgot; executes nothing.
    ('mobind_mm/utils/compat.py', 'import importlib'),
    # A function that answers for getattr, see there.
    ('mobind_mm/utils/compat.py', 'add_safe_globals'),
    # yaml.SafeLoader without tags and repeated keys.
    ('mobind_mm/readers/keys.py', 'yaml.load'),
}
MODULES = {
    'pickle', 'cPickle', 'dill', 'cloudpickle', 'marshal', 'shelve', 'joblib',
    'importlib', 'runpy', 'code', 'codeop', 'imp',
}  # fmt: skip
CALLS = {
    'eval', 'exec', 'compile', '__import__', 'os.system', 'os.popen',
    'yaml.load', 'yaml.unsafe_load', 'yaml.full_load', 'torch.jit.load',
    'torch.hub.load', 'torch.package.PackageImporter', 'subprocess.getoutput',
}  # fmt: skip
HARMLESS = ('importlib.util', 'importlib.metadata', 'importlib.resources')
METHODS = {'fromstring', 'read_pickle', 'load_from_http', 'add_safe_globals'}
"""Names that are found on whatever object; ``Config.fromstring`` executes."""


def findings(tree):
    """What could execute code, as (line, name)."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                module = '' if node.level else node.module
                names = [f'{module}.{name}' for name in names]
            for name in names:
                first = name.split('.')[0]
                if first in MODULES and not name.startswith(HARMLESS):
                    yield node.lineno, f'import {first}'
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {k.arg: ast.unparse(k.value) for k in node.keywords}
            last = name.rsplit('.', 1)[-1]
            if name in CALLS or last in METHODS:
                yield node.lineno, name if name in CALLS else last
            elif name == 'torch.load' and given.get('weights_only') != 'True':
                yield node.lineno, 'torch.load without weights_only=True'
            elif name == 'np.load' and given.get('allow_pickle') != 'False':
                yield node.lineno, 'np.load without allow_pickle=False'
            elif given.get('allow_pickle') == 'True':
                yield node.lineno, f'{name} with allow_pickle'
            elif given.get('weights_only') == 'False':
                yield node.lineno, f'{name} with weights_only=False'
            elif given.get('shell') == 'True':
                yield node.lineno, f'{name} with a shell'


def test_only_named_exceptions():
    assert len(FILES) > 150
    found = set()
    for path in FILES:
        name = str(path.relative_to(REPO))
        for line, what in findings(ast.parse(path.read_text('utf-8'))):
            assert (name, what) in ALLOWED, f'{name}:{line}: {what}'
            found.add((name, what))
    assert found == ALLOWED  # no exception that is not needed


@pytest.mark.parametrize(
    'text',
    [
        'import pickle',
        'from pickle import loads',
        'from importlib import import_module',
        'eval(x)',
        'exec(x)',
        '__import__(x)',
        'torch.load(x)',
        'torch.load(x, weights_only=False)',
        'load(x, weights_only=False)',
        'np.load(x)',
        'np.load(x, allow_pickle=True)',
        'yaml.load(x, Loader=Loader)',
        'Config.fromstring(x)',
        'subprocess.run(x, shell=True)',
        'os.system(x)',
    ],
)
def test_the_search_finds(text):
    assert list(findings(ast.parse(text)))


def test_the_search_lets_pass():
    text = """
import torch, numpy as np, importlib.util
torch.load(x, weights_only=True)
np.load(x, allow_pickle=False)
re.compile(x)
model.eval()
ast.literal_eval(x)
subprocess.run([x])
"""
    assert not list(findings(ast.parse(text)))
