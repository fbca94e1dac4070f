"""The command mobind: its table, what it loads, plug-ins, configs."""

import configparser
import json
import os
import shlex
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from programs import python

from mobind_mm.cli.main import COMMANDS, CONVERTERS, EXAMPLES, INDEX
from mobind_mm.registry import MODELS
from mobind_mm.utils.model_index import find_config, find_root

REPO = Path(__file__).parents[2]
CONFIGS = find_root() / 'configs'

ALL = [[name] for name in COMMANDS if name not in ('convert', 'index')]
ALL += [['convert', name] for name in CONVERTERS]
ALL += [['index', name] for name in INDEX]
HEAVY = ('torch', 'mmengine', 'matplotlib', 'cv2')

# The help of every subcommand in one process, and what that has loaded.
HELPS = """
import contextlib, io, json, sys
from mobind_mm.cli import main

shown = []
for words in json.loads(sys.argv[1]):
    sys.argv = ['mobind', *words, '--help']
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            main()
        except SystemExit as error:
            assert not error.code, words
    shown.append(text.getvalue())
print(json.dumps([shown, sorted(sys.modules)]))
"""


def run(*arguments, cwd=None):
    return python(*arguments, cwd=cwd, COLUMNS='80').stdout


def helps(*commands):
    shown, modules = json.loads(run('-c', HELPS, json.dumps(commands)))
    return shown, {name.partition('.')[0] for name in modules}


@pytest.fixture
def mobind(command):
    """Run the command in this process: status, output, errors."""
    return partial(command, 'mobind')


def test_help_loads_nothing_heavy():
    (text, converters), modules = helps([], ['convert'])
    assert not modules & {*HEAVY, 'numpy', 'pandas', 'pydantic', 'yaml'}
    for name, (line, _) in COMMANDS.items():
        assert f'  {name} ' in text and line in text
    for name in CONVERTERS:
        assert f'  {name} ' in converters
    assert max(map(len, text.splitlines())) < 80


def test_every_subcommand_has_help_that_loads_nothing_heavy():
    shown, modules = helps(*ALL)
    for words, text in zip(ALL, shown):
        assert text.startswith(f'usage: mobind {" ".join(words)} [-h]')
        # What every command has comes after what it is about.
        last = text.partition('\noptions:\n')[2]
        assert '--import MODULE[,MODULE]' in last and '\nsensors:' not in last
        assert '\nexample' in text and max(map(len, text.splitlines())) <= 80
    assert not modules & set(HEAVY)


@pytest.mark.parametrize('name', EXAMPLES)
def test_examples_have_flags_that_exist(name, mobind, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = EXAMPLES[name].replace('\\\n', ' ')
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    assert any(line[1:][: len(name.split())] == name.split() for line in lines)
    for _, *words in lines:
        entry = COMMANDS[words[0]].target
        if not isinstance(entry, str):
            entry = entry[words[1]].target
        table = import_module(f'mobind_mm.cli.{entry}').COMMANDS
        key = next((word for word in words[1::-1] if word in table), '')
        monkeypatch.setitem(table, key, (table[key][0], lambda args: 7))
        status, _, err = mobind(*words)
        assert (status, err) == (7, ''), words


def test_module_is_the_installed_command():
    setup = configparser.ConfigParser()
    setup.read(REPO / 'setup.cfg')
    scripts = setup['options.entry_points']['console_scripts']
    assert scripts.strip() == 'mobind = mobind_mm.cli:main'
    ((text,), _) = helps([])
    assert run('-m', 'mobind_mm', '--help') == text
    assert run('-m', 'mobind_mm', '--version') == 'mobind_mm 0.1.0\n'


def test_unknown_commands_get_the_nearest(mobind):
    for words, message in (
        (['snyc'], "'snyc' is not a command of mobind. Did you mean 'sync'?"),
        (['convert', 'totalcapure'], "Did you mean 'totalcapture'?"),
        (['convert', 'x'], "'x' is not a command of mobind convert. mobind"),
    ):
        status, out, err = mobind(*words)
        assert status == 2 and out == ''
        assert err.startswith('error: ') and message in err
    status, out, _ = mobind()
    assert status == 2 and out.startswith('usage: mobind ')
    status, _, err = mobind('--imports', 'x', 'models')
    assert status == 2 and 'unrecognized arguments: --imports' in err


def test_a_module_of_the_user_is_imported_first(mobind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        (tmp_path / f'users_module_{number}.py').write_text(
            'from torch import nn\n'
            'from mobind_mm.registry import MODELS\n'
            f'MODELS.register_module("Backbone{number}", module=nn.Identity)\n'
        )
    try:
        status, out, _ = mobind(
            '--import', 'users_module_0,users_module_1', 'models',
            '--import', 'users_module_2',
        )  # fmt: skip
        assert status == 0 and 'mobind_synthetic' in out
        for number in range(3):
            assert MODELS.get(f'Backbone{number}') is not None
    finally:
        for number in range(3):
            MODELS.module_dict.pop(f'Backbone{number}', None)
            sys.modules.pop(f'users_module_{number}', None)


def test_a_module_that_does_not_exist(mobind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = mobind('--import', 'no_such_module', 'models')
    assert (status, out) == (2, '')
    assert err.startswith('error: --import no_such_module: ')
    assert str(tmp_path) in err
    # What such a module lacks is the user's to see.
    (tmp_path / 'users_broken.py').write_text('import no_such_package\n')
    with pytest.raises(ModuleNotFoundError, match='no_such_package'):
        mobind('--import', 'users_broken', 'models')


def test_plugins_of_other_packages(mobind, tmp_path, monkeypatch):
    info = tmp_path / 'users_plugin-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Name: users_plugin\nVersion: 1.0\n')
    (info / 'entry_points.txt').write_text(
        '[mobind_mm.plugins]\nmine = users_plugin\n'
    )
    (tmp_path / 'users_plugin.py').write_text('print("registered")\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert mobind('models')[1].startswith('registered\nmodel ')
        assert 'registered' not in mobind('models', '--help')[1]
    finally:
        sys.modules.pop('users_plugin', None)
    (tmp_path / 'users_plugin.py').write_text('1 / 0\n')
    os.utime(tmp_path / 'users_plugin.py', (0, 0))  # not the cached code
    status, _, err = mobind('models')
    assert status == 2
    assert 'The plug-in mine = users_plugin (mobind_mm.plugins)' in err
    assert 'ZeroDivisionError' in err


@pytest.mark.parametrize(
    ('name', 'config'),
    [
        ('mobind/synthetic.py', 'mobind/synthetic.py'),
        ('configs/mobind/synthetic.py', 'mobind/synthetic.py'),
        ('mobind_mm::mobind/synthetic.py', 'mobind/synthetic.py'),
        ('mobind/synthetic', 'mobind/synthetic.py'),
        ('synthetic', 'mobind/synthetic.py'),
        ('synthetic.py', 'mobind/synthetic.py'),
        ('two_stream_utd_mhad', 'recognition/two_stream_utd_mhad.py'),
        (
            'mobind/encoders/utd_mhad_published.py',
            'mobind/encoders/utd_mhad_published.py',
        ),
    ],
)
def test_configs_of_the_package(name, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == CONFIGS / config


def test_a_file_of_the_user_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'synthetic.py').touch()
    assert find_config('synthetic.py') == Path('synthetic.py')
    assert find_config('synthetic') == CONFIGS / 'mobind/synthetic.py'


def test_configs_that_do_not_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, message in (
        ('sinthetic.py', "Did you mean 'synthetic'?"),
        ('mobind/sinthetic.py', "Did you mean 'mobind/synthetic'?"),
        ('_base_/default_runtime.py', 'no config _base_/default_runtime.py'),
    ):
        with pytest.raises(FileNotFoundError, match='There is no config') as e:
            find_config(name)
        assert message in str(e.value) and str(tmp_path) in str(e.value)
    with pytest.raises(ValueError, match='mobind/encoders/utd_mhad_published'):
        find_config('utd_mhad_published')


def test_models(mobind):
    status, out, _ = mobind('models')
    lines = [line.split() for line in out.splitlines()]
    assert status == 0 and lines[0][:3] == ['model', 'weights', 'measured']
    for line, name in zip(lines[1:], ('real', 'synthetic')):
        assert line[:2] == [f'mobind_{name}', 'shipped']
    assert lines[2][-1] == 'mobind/synthetic.py'
    assert out.count('motion capture') == 1  # each data set once
    assert ['two_stream_utd_mhad', 'none', 'UTD-MHAD'] in [
        line[:3] for line in lines
    ]


def test_the_synchronizer_is_passed_on_if_named(mobind, monkeypatch):
    from mobind_mm.apis import MoBindInferencer, sources

    asked = []

    def synchronize(self, *arguments, **options):
        asked.append(options)
        raise ValueError('enough')

    monkeypatch.setattr(MoBindInferencer, '__init__', lambda *_, **__: None)
    monkeypatch.setattr(MoBindInferencer, 'synchronize', synchronize)
    monkeypatch.setattr(sources, 'to_recording', lambda source: None)
    files = ['--imu', 'imu.csv', '--pose', 'pose.json', '--out-dir', 'out']
    for more in (['--synchronizer', 'vote'], []):
        with pytest.raises(ValueError, match='enough'):
            mobind('sync', *files, *more)
    assert asked == [
        {'show_dir': Path('out'), 'synchronizer': 'vote'},
        {'show_dir': Path('out')},
    ]


READER = """
import numpy as np

from mobind_mm.readers import DataSetReader, FileReader, Output, Take
from mobind_mm.readers import register_reader
from mobind_mm.recordings import Clock, Recording, SensorStream


@register_reader
class Drops(DataSetReader):
    name = 'drops'
    metainfo = dict(dataset_name='drops', classes=('fall',))

    def find(self):
        imu = Output('imu/one.safetensors', {'set': 'drops'})
        return [Take('one', 'anna', 'lab', 'train', imu=imu, label=0)]

    def read_take(self, take):
        acc = np.ones((50, 3), np.float32)
        clock = Clock(50, rate=25.0)
        return Recording({'head': SensorStream(clock, {'acc': acc})})


@register_reader
class Single(FileReader):
    name = 'single'
"""


def test_convert_what_a_reader_of_the_user_reads(
    mobind, tmp_path, monkeypatch
):
    from mobind_mm.readers import base

    monkeypatch.setattr(base, '_READERS', base.readers())
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'users_reader.py').write_text(READER)
    asked = ('--import', 'users_reader', 'convert')
    try:
        status, out, err = mobind(*asked, 'drops', 'raw', '--out', 'dst')
        assert (status, out) == (0, 'dst/annotations/train.json: 1 entries\n')
        assert (tmp_path / 'dst/imu/one.safetensors').is_file()
        status, _, err = mobind(*asked, 'drop', 'raw', '--out', 'dst')
        assert status == 2 and "Did you mean 'drops'?" in err
        status, _, err = mobind(*asked, 'single', 'raw', '--out', 'dst')
        assert status == 2 and 'single is a format of single files' in err
    finally:
        sys.modules.pop('users_reader', None)
