"""The package as it is installed: from a wheel, and editable."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from run_pages import alike, blocks, runnable
from run_pages import run as run_block
from test_docs_pages import OWN, checked

import mobind_mm

ROOT = Path(__file__).parents[1]
PACKAGE = Path(mobind_mm.__file__).parent

# Runs in a directory that has nothing but `child.py`.
PROBE = """
import json
import mobind_mm
from mmengine.config import Config
from mmengine.hub import get_config, get_model
from mobind_mm.apis import init_model
from mobind_mm.utils.checkpoint import read_checkpoint
from mobind_mm.utils.model_index import load_models


def plain(node):
    if isinstance(node, dict):
        return {k: plain(v) for k, v in node.items() if k != '_scope_'}
    return [*map(plain, node)] if isinstance(node, (list, tuple)) else node


child = Config.fromfile('child.py')
own = get_config('mobind_mm::mobind/synthetic.py', pretrained=True)
(model,) = [m for m in load_models() if m.name == 'mobind_synthetic']
pretrained = get_model('mobind_mm::mobind/synthetic.py', pretrained=True)
weights = init_model(model.config, model.weights).state_dict()
same = all((v == weights[k]).all() for k, v in pretrained.state_dict().items())
print(json.dumps(dict(
    package=mobind_mm.__file__,
    epochs=child.train_cfg.max_epochs,
    interval=child.train_cfg.val_interval,
    model=plain(child.model) == plain(own.model),
    weights=model.weights,
    loaded=len(read_checkpoint(own.model_path)['state_dict']),
    same=same,
)))
"""
CHILD = """
_base_ = 'mobind_mm::mobind/synthetic.py'
train_cfg = dict(max_epochs=3)
"""
# One short epoch of it, with a worker.
SMALL = """
_base_ = 'child.py'
small = dict(num_subjects=2, takes_per_subject=1, take_sec=20.0)
train_dataloader = dict(batch_size=4, num_workers=1, dataset=small)
train_cfg = dict(max_epochs=1)
val_cfg = val_dataloader = val_evaluator = None
"""

SHORT = '--cfg-options train_dataloader.dataset.dataset.num_subjects=2'
USERS = {
    'analysis_tools': {
        *('analyze_logs.py', 'browse_dataset.py', 'check_recordings.py'),
        *('eval_embeddings.py', 'get_flops.py'),
    },
    'misc': {'make_example.py', 'simulate_study.py'},
}
"""Programs that the wheel has; the others there are the maintainers'."""


def run(command, timeout=600, **kwargs):
    process = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=timeout,
        env={k: v for k, v in os.environ.items() if k != 'PYTHONPATH'},
        **kwargs,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def checkout(path):
    """Copy of this checkout, as a fresh clone has it."""

    def ignore(directory, names):
        patterns = ('__pycache__', '.mim')
        if Path(directory) == ROOT:
            patterns += ('.git', '.*_cache', '.venv', '*.egg-info', 'build')
            patterns += ('dist', 'data', 'work_dirs', '.hypothesis')
        return shutil.ignore_patterns(*patterns)(directory, names)

    return shutil.copytree(ROOT, path, ignore=ignore)


def wheel_of(source, path):
    """Build a wheel from a directory or an archive."""
    wheel = [sys.executable, '-m', 'pip', 'wheel', '--no-deps']
    run([*wheel, source, '-w', path])
    (built,) = path.glob('*.whl')
    return built


def environment(path):
    """Fresh environment that sees the packages of this one, not ours."""
    venv.create(path, with_pip=True)
    python = path / 'bin' / 'python'
    where = 'import sysconfig; print(sysconfig.get_path("purelib"))'
    site = Path(run([python, '-c', where]).strip())
    (site / 'outer.pth').write_text(sysconfig.get_path('purelib') + '\n')
    return python


def probe(python, directory):
    directory.mkdir()
    (directory / 'child.py').write_text(CHILD)
    found = run([python, '-W', 'ignore', '-c', PROBE], cwd=directory)
    return json.loads(found.splitlines()[-1])


def files(directory):
    """Files below a directory; pip compiles what it installs."""
    return {
        path
        for path in directory.rglob('*')
        if path.is_file() and path.suffix != '.pyc'
    }


def kept(folder):
    """Files of a folder that setup.py puts into the wheel."""
    tree = ast.parse((ROOT / 'setup.py').read_text())
    (patterns,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and node.targets[0].id == 'NOT_IN_WHEEL'
    ]
    return {
        path
        for path in files(folder)
        if not any(
            fnmatch(part, pattern)
            for part in path.relative_to(ROOT).parts
            for pattern in patterns
        )
    }


def test_tools_of_the_wheel_need_no_checkout():
    """Users' programs are in the wheel, and import nothing that is not."""
    tools = kept(ROOT / 'tools')
    for folder, names in USERS.items():
        found = {p.name for p in tools if folder in p.parts}
        assert found == names
    stems = {path.stem for path in tools}
    for path in tools:
        text = path.read_text()
        beside = {p.stem for p in path.parent.iterdir()} - stems
        asked = re.findall(r'(?m)^ *(?:from|import) (\w+)', text)
        if path.suffix == '.py':
            assert not beside & set(asked), path


def check(found, package):
    assert Path(found['package']).parent == package
    assert (found['epochs'], found['interval']) == (3, 4)
    assert found['model'] and found['same'] and found['loaded'] > 50
    assert Path(found['weights']).parent == package / 'checkpoints'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel of a source distribution, and that of the checkout."""
    path = tmp_path_factory.mktemp('build')
    source = checkout(path / 'source')
    before = sorted(source.rglob('*'))
    direct = wheel_of(source, path / 'direct')
    sdist = 'import setuptools.build_meta as b; b.build_sdist("../dist")'
    run([sys.executable, '-c', sdist], cwd=source)
    left = set(source.rglob('*')) - set(before)
    ignored = ('mobind_mm.egg-info', 'build')
    assert {p.relative_to(source).parts[0] for p in left} <= set(ignored)
    (archive,) = (path / 'dist').glob('*.tar.gz')
    with tarfile.open(archive) as file:
        names = [n.partition('/')[2] for n in file.getnames()]
    assert {'setup.py', 'dataset-index.yml', 'tools/train.py'} <= set(names)
    assert not [n for n in names if '.mim' in n or 'pycache' in n]
    wheel = wheel_of(archive, path / 'wheel')
    contents = [sorted(zipfile.ZipFile(w).namelist()) for w in (wheel, direct)]
    assert contents[0] == contents[1]
    data = 'py.typed', 'cli/examples.txt', 'datasets/synthetic/actions.yml'
    assert {f'mobind_mm/{name}' for name in data} <= set(contents[0])
    return wheel


@pytest.fixture(scope='module')
def python(wheel, tmp_path_factory):
    """Python of an environment in which the wheel is installed."""
    python = environment(tmp_path_factory.mktemp('installed') / 'env')
    install = [python, '-m', 'pip', 'install', '--no-deps']
    run([*install, '--ignore-installed', wheel])
    return python


@pytest.mark.slow
def test_wheel_of_the_source_distribution(python, tmp_path):
    found = probe(python, tmp_path / 'elsewhere')
    package = Path(found['package']).parent
    assert python.parents[1] in package.parents
    check(found, package)
    mim = package / '.mim'
    for name in ('configs', 'tools'):
        expected = {p.relative_to(ROOT) for p in kept(ROOT / name)}
        assert {p.relative_to(mim) for p in files(mim / name)} == expected
    small = tmp_path / 'elsewhere' / 'small.py'
    small.write_text(SMALL)
    train = [python, '-W', 'ignore', mim / 'tools/train.py', small.name]
    weights = 'mobind_mm/checkpoints/' + Path(found['weights']).name
    run([*train, '--load-from', weights], cwd=small.parent)
    assert (small.parent / 'work_dirs/small/epoch_1.pth').is_file()


def shown(page, *names):
    """Lines of the shell that a page shows; only some commands of it."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r'^ *```bash\n(.*?)```', text, re.M | re.S)
    lines = ''.join(blocks).replace('\\\n', ' ').splitlines()
    wanted = rf'mobind ({"|".join(names)})\b'
    # One command of the pages refuses, which ends a script.
    return [
        line
        for line in lines
        if re.search(wanted, line) and 'sync --imu quiet' not in line
    ]


@pytest.mark.slow
def test_commands_of_the_pages_after_installing_alone(python, tmp_path):
    """In an empty directory, as README and the pages print them."""
    first = shown('README.md', 'train')[0].split(' && ')[1:]
    script = [
        *shown('docs/inference.md', 'example', 'sync', 'localize'),
        *shown('docs/inference.md', 'retrieve', 'recognize'),
        *shown('README.md', 'example', 'sync', 'localize'),
        'mobind models',
        # A short training, of which nothing but its length is changed.
        f'{first[0]} --no-validate {SHORT} train_cfg.max_epochs=1',
        first[1].replace('epoch_12', 'epoch_1')
        + ' --tasks retrieval --out synthetic.json',
        *shown('docs/own_data.md', 'study', 'convert', 'check'),
        *(
            line.replace('epoch_60', 'epoch_1')
            + ' --cfg-options train_cfg.max_epochs=1'
            + ' --no-validate' * ('mobind train' in line)
            + ' --tasks retrieval' * ('mobind test' in line)
            for line in shown('docs/own_data.md', 'train', 'test')
        ),
    ]
    asked = set(re.findall(r'mobind ([a-z]+)', '\n'.join(script)))
    assert asked == {
        *('example', 'sync', 'localize', 'retrieve', 'recognize', 'models'),
        *('study', 'convert', 'check', 'train', 'test'),
    }
    path = f'export PATH="{python.parent}:$PATH"'
    bash = ['bash', '-euo', 'pipefail', '-c', '\n'.join([path, *script])]
    run(bash, cwd=tmp_path, timeout=3600)
    answer = json.loads((tmp_path / 'anna/sync/sync.json').read_text())
    assert answer['offset_s'] == pytest.approx(3.217, abs=0.030)
    for name in (
        *('anna/sync/imu.csv', 'anna/sync/preview.mp4', 'sync/sync.json'),
        *('localize/localize.json', 'retrieve/retrieve.json'),
        *('recognize/recognize.json', 'work_dirs/synthetic/epoch_1.pth'),
        *('work_dirs/own_data/epoch_1.pth', 'synthetic.json', 'results.json'),
    ):
        assert (tmp_path / name).stat().st_size > 0, name


@pytest.mark.slow
@pytest.mark.parametrize('name', OWN)
def test_pages_after_installing_alone(name, python, tmp_path):
    """With what they print."""
    checked(name, tmp_path, installed=python)


@pytest.mark.slow
def test_readme_after_installing_alone(python, tmp_path):
    """The same words and numbers as the page; the last digits may differ."""
    page = ROOT / 'README.md'
    for block in blocks(page):
        if block.language == 'python':
            code = f'python - <<"END"\n{block.code}\nEND'
        elif block in runnable(page):
            code = block.code
        else:
            continue
        done = run_block(code, tmp_path, python)
        assert alike(block.printed, done.stdout, 0.01), done.stderr


@pytest.mark.slow
def test_editable_install(tmp_path):
    source = checkout(tmp_path / 'source')
    python = environment(tmp_path / 'env')
    install = [python, '-m', 'pip', 'install', '--no-deps']
    for _ in range(2):  # the second finds the links of the first
        run([*install, '--ignore-installed', '-e', source])
    check(probe(python, tmp_path / 'elsewhere'), source / 'mobind_mm')
    tools = source / 'mobind_mm/.mim/tools'
    assert tools.resolve() == source / 'tools'


@pytest.mark.skipif(
    not (PACKAGE / '.mim').is_dir(), reason='mobind_mm is not installed'
)
def test_configs_are_found_by_package_name(tmp_path, monkeypatch):
    from mmengine.config import Config

    monkeypatch.chdir(tmp_path)
    (tmp_path / 'child.py').write_text(CHILD)
    child = Config.fromfile('child.py')
    parent = Config.fromfile(ROOT / 'configs/mobind/synthetic.py')
    assert child.model.pop('_scope_') == 'mobind_mm'
    assert child.model == parent.model
    child.train_cfg.pop('_scope_', None)  # where it names a type
    assert child.train_cfg == {**parent.train_cfg, 'max_epochs': 3}
