import hashlib
import re
import shutil
from pathlib import Path

import pytest
import torch
from check_model_zoo import check_zoo

from mobind_mm.utils.checkpoint import read_checkpoint, save_checkpoint

ROOT = Path(__file__).parents[2]
METAFILE = 'configs/mobind/metafile.yml'
README = 'configs/mobind/README.md'


def test_the_zoo_of_the_package_agrees():
    assert check_zoo(ROOT) == []


@pytest.fixture
def zoo(tmp_path):
    """Copy of the package's zoo."""
    for name in ('configs', 'mobind_mm/checkpoints'):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / 'model-index.yml', tmp_path)
    return tmp_path


def replace(path, pattern, new):
    text, count = re.subn(pattern, new, path.read_text(), count=1)
    assert count == 1
    path.write_text(text)


def weights(zoo):
    """The shipped checkpoint of `mobind_synthetic`."""
    (path,) = (zoo / 'mobind_mm/checkpoints').glob('synthetic_*.pth')
    return path


def rehash(zoo, path):
    """Give a changed checkpoint the name of its content, everywhere."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    name = re.sub(r'-\w{8}\.pth$', f'-{digest}.pth', path.name)
    for file in (METAFILE, README):
        text = (zoo / file).read_text().replace(path.name, name)
        (zoo / file).write_text(text)
    return path.rename(path.with_name(name))


def change_weights(zoo, change):
    path = weights(zoo)
    checkpoint = read_checkpoint(str(path))
    change(checkpoint)
    save_checkpoint(checkpoint, path)
    rehash(zoo, path)


def add_home(checkpoint):
    checkpoint['meta']['cfg'] += "\nload_from = '/home/anna/first.pth'\n"


def halve_model(checkpoint):
    text = checkpoint['meta']['cfg']
    assert 'ffn_dims=256' in text
    checkpoint['meta']['cfg'] = text.replace('ffn_dims=256', 'ffn_dims=128')


MISTAKES = {
    'digest': (
        lambda zoo: weights(zoo).write_bytes(b'0' + weights(zoo).read_bytes()),
        r'synthetic_\d+-\w+\.pth has SHA-256 \w{8}…; publish it again',
    ),
    'renamed': (
        lambda zoo: weights(zoo).rename(weights(zoo).with_name('other.pth')),
        r'there is no mobind_mm/checkpoints/synthetic_',
    ),
    'unlisted': (
        lambda zoo: (zoo / 'mobind_mm/checkpoints/more.pth').touch(),
        r'^mobind_mm/checkpoints/more\.pth is in no metafile',
    ),
    'name': (
        lambda zoo: replace(zoo / METAFILE, r'/synthetic_', '/synth_'),
        r'Weights is called synth_.*expected synthetic_<YYYYMMDD>-<hash>',
    ),
    'optimizer': (
        lambda zoo: change_weights(zoo, lambda c: c.update(optimizer={})),
        r"holds \['meta', 'optimizer', 'state_dict'\]; publish it",
    ),
    'home': (
        lambda zoo: change_weights(zoo, add_home),
        r'has local paths; publish it',
    ),
    'data meta': (
        lambda zoo: change_weights(
            zoo, lambda c: c['meta'].pop('dataset_meta')
        ),
        r'has no dataset_meta',
    ),
    'another model': (
        lambda zoo: change_weights(zoo, halve_model),
        r'was trained with another model than the config',
    ),
    'missing weight': (
        lambda zoo: change_weights(zoo, lambda c: c['state_dict'].popitem()),
        r'does not fit the model: .* is missing',
    ),
    'size': (
        lambda zoo: change_weights(
            zoo, lambda c: c['meta'].update(more=torch.zeros(5_000_000))
        ),
        r'bytes, limit 20000000',
    ),
    'config': (
        lambda zoo: replace(zoo / METAFILE, r'mobind/synthetic\.py', 'x/y.py'),
        r'there is no Config configs/x/y\.py',
    ),
    'collection': (
        lambda zoo: replace(zoo / METAFILE, 'In Collection: MoBind', 'X: Y'),
        r"In Collection is None, expected one of \['MoBind'\]",
    ),
    'readme': (
        lambda zoo: replace(zoo / METAFILE, 'mobind/README', 'mobind/REA'),
        r"no README 'configs/mobind/REA\.md'",
    ),
    'no row': (
        lambda zoo: replace(zoo / README, '`mobind_synthetic`', '`other`'),
        r'README\.md has 0 rows with `mobind_synthetic`',
    ),
    'file in row': (
        lambda zoo: (zoo / README).write_text(
            (zoo / README).read_text().replace(weights(zoo).name, 'x.pth')
        ),
        r'its row in .*README\.md does not name synthetic_',
    ),
    'number': (
        lambda zoo: replace(zoo / METAFILE, r'(R@1.*: )0\.\d+', r'\g<1>0.999'),
        r'R@1.* is 0\.999, which its row in .* does not say',
    ),
    'index': (
        lambda zoo: shutil.copytree(zoo / 'configs/mobind', zoo / 'configs/z'),
        r'model-index\.yml does not import configs/z/metafile\.yml',
    ),
    'twice': (
        lambda zoo: replace(
            zoo / 'model-index.yml',
            r'  - configs/mobind/metafile.yml',
            '  - configs/mobind/metafile.yml\n  - configs/mobind/metafile.yml',
        ),
        r'mobind_synthetic: the name is there 2 times',
    ),
    'broken': (
        lambda zoo: replace(zoo / METAFILE, 'Models:', 'Models: 3\nMore:'),
        r'metafile\.yml: Models is 3, expected a list',
    ),
}


@pytest.mark.parametrize('name', MISTAKES)
def test_disagreement_is_named(zoo, name):
    change, message = MISTAKES[name]
    change(zoo)
    problems = check_zoo(zoo)
    assert problems
    assert any(re.search(message, p) for p in problems), problems
    assert all('\n' not in problem for problem in problems)


def test_model_without_weights_that_is_called_after_its_config(zoo):
    with (zoo / METAFILE).open('a') as file:
        file.write(
            '  - Name: utd_mhad\n    In Collection: MoBind\n'
            '    Config: configs/mobind/utd_mhad.py\n'
            '    Results: {Task: Action, Metrics: {Top 1: 0.873, F1: 0.87}}\n'
        )
    (problem,) = check_zoo(zoo)
    assert '0 rows with `utd_mhad`' in problem
    with (zoo / README).open('a') as file:
        file.write(
            '| `utd_mhad` | IMU | .861 / .864 / .895 | **.873 ± .019** |'
        )
    (problem,) = check_zoo(zoo)
    assert 'utd_mhad: F1 is 0.87, which its row' in problem
