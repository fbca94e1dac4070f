"""The rooms of the package: data flows one way, no two files in a circle.

The order is that of design.md, from the ground up: a file imports from its
own room and from rooms that stand before it.
"""

import ast
from pathlib import Path

import pytest
from programs import python

PACKAGE = Path(__file__).parents[1] / 'mobind_mm'
ROOMS = (
    'version', 'utils', 'skeleton', 'structures', 'registry', 'recordings',
    'readers', 'datasets', 'models', 'synchronization', 'checks', 'evaluation',
    'visualization', 'engine', 'apis', 'app', 'cli', '__main__',
)  # fmt: skip
ROOT_FILES = {'mobind_mm'}
"""``mobind_mm/__init__.py`` opens the house; nothing imports from it."""


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(p for p in parts if p != '__init__')


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob('*.py'))}


def imports_of(name):
    """Modules of the package that a file imports, functions included."""
    path = FILES[name]
    package = name if path.name == '__init__.py' else name.rpartition('.')[0]
    for node in ast.walk(ast.parse(path.read_text('utf-8'))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parts = package.split('.')
                parts = parts[: len(parts) - node.level + 1]
                base = '.'.join([*parts, base] if base else parts)
            # A name of a package may be one of its modules.
            targets = [
                full if (full := f'{base}.{alias.name}') in FILES else base
                for alias in node.names
            ]
        else:
            continue
        for target in targets:
            if target in FILES and target != name:
                yield node.lineno, target


def room(name):
    return name.split('.')[1]


def upward(name):
    for line, target in imports_of(name):
        if target in ROOT_FILES:
            continue
        if ROOMS.index(room(target)) > ROOMS.index(room(name)):
            yield f'{FILES[name]}:{line} imports {target}'


def circles(edges):
    """Strongly connected parts of more than one file, by removal."""
    edges = {a: set(bs) for a, bs in edges.items()}
    removed = True
    while removed:  # files that import nothing, or that nothing imports
        wanted = set().union(*edges.values()) if edges else set()
        removed = {a for a, bs in edges.items() if not bs or a not in wanted}
        edges = {
            a: bs - removed for a, bs in edges.items() if a not in removed
        }
    return sorted(edges)


def test_every_room_is_known():
    assert len(FILES) > 100
    rooms = {room(name) for name in FILES if name not in ROOT_FILES}
    assert rooms <= set(ROOMS)


def test_no_import_runs_upward():
    inner = [name for name in FILES if name not in ROOT_FILES]
    assert [line for name in inner for line in upward(name)] == []


def test_no_two_files_import_each_other():
    # A package's own __init__ collects its modules; it is not a file that
    # they may ask.
    edges = {
        name: {
            target
            for _, target in imports_of(name)
            if FILES[target].name != '__init__.py'
            or not name.startswith(f'{target}.')
        }
        for name, path in FILES.items()
        if path.name != '__init__.py'
    }
    edges = {a: {b for b in bs if b in edges} for a, bs in edges.items()}
    assert circles(edges) == []


def test_a_circle_would_be_seen():
    assert circles({'a': {'b'}, 'b': {'c'}, 'c': {'b'}, 'd': {'a'}}) == [
        'b',
        'c',
    ]
    assert circles({'a': {'b'}, 'b': {'c'}, 'c': set()}) == []


@pytest.mark.parametrize(
    ('module', 'without'),
    [
        ('mobind_mm', ('torch', 'mmengine', 'numpy', 'scipy')),
        ('mobind_mm.recordings', ('torch', 'mmengine', 'scipy', 'pandas')),
        ('mobind_mm.readers', ('torch', 'mmengine.runner', 'matplotlib')),
    ],
)
def test_a_room_loads_what_it_needs(module, without):
    code = f'import sys, {module}; print(*sys.modules)'
    loaded = python('-c', code, cwd=PACKAGE.parent).stdout.split()
    assert 'mobind_mm' in loaded
    assert [name for name in without if name in loaded] == []
