import getpass
import hashlib
import importlib.util
import os
import pickle
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import scipy.signal
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from programs import posix, python

from mobind_mm.utils import compat
from mobind_mm.utils.checkpoint import read_checkpoint
from mobind_mm.utils.downloads import download
from mobind_mm.utils.model_index import find_config


def test_checkpoint_of_mmengine_loads(tmp_path):
    buffer = HistoryBuffer()
    for value in (1.0, 3.0):
        buffer.update(value)
    path = tmp_path / 'checkpoint.pth'
    content = {
        'message_hub': {'log_scalars': {'loss': buffer}},
        'meta': {'scalar': np.float32(2), 'array': np.arange(3)},
    }
    torch.save(content, path)
    loaded = torch.load(path, weights_only=True)
    buffer = loaded['message_hub']['log_scalars']['loss']
    assert (buffer.mean(), buffer.max(), buffer.current()) == (2, 3, 3)
    assert loaded['meta']['scalar'] == 2
    np.testing.assert_array_equal(loaded['meta']['array'], [0, 1, 2])


def test_the_text_of_a_config_is_formatted_once(monkeypatch):
    from mmengine.config import Config, config
    from yapf.yapflib.yapf_api import FormatCode

    calls = []

    def counting(text, **options):
        calls.append(options)
        return FormatCode(text, **options)

    monkeypatch.setattr(config, 'FormatCode', counting)
    compat.apply()
    once = config.FormatCode
    compat.apply()
    assert config.FormatCode is once  # not wrapped again
    cfg = Config(dict(b=dict(c=[1, 2]), a='x' * 70))
    texts = [cfg.pretty_text for _ in range(3)]
    assert len(calls) == 1 and len(set(texts)) == 1
    assert texts[0] == FormatCode(texts[0], **calls[0])[0]
    cfg.b.c.append(3)
    assert '3' in cfg.pretty_text and len(calls) == 2


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """URL of the files of ``tmp_path``; downloads of them are in ``hub``."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


class Reduced:
    """Is pickled as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'make',
    [
        lambda path: Reduced(__import__('os').system, f'touch {path}'),
        lambda path: Reduced(exec, f'open({str(path)!r}, "w")'),
        lambda path: Reduced(open, str(path), 'w'),
        lambda path: Reduced(Path.touch, path),
        lambda path: Reduced(getattr, HistoryBuffer.update, '__globals__'),
        lambda path: Reduced(getattr, HistoryBuffer, '__init__'),
        lambda path: Reduced(getattr, np.ndarray, 'tofile'),
    ],
    ids=['system', 'exec', 'open', 'path', 'globals', 'init', 'tofile'],
)
def test_unsafe_checkpoint_is_refused(tmp_path, make):
    path, mark = tmp_path / 'evil.pth', tmp_path / 'executed'
    torch.save({'state_dict': make(mark)}, path)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        torch.load(path)  # weights_only is PyTorch's default
    assert not mark.exists()


def test_downloads_are_restricted_too(tmp_path, site):
    mark = tmp_path / 'executed'
    evil = {'state_dict': Reduced(__import__('os').system, f'touch {mark}')}
    torch.save(evil, tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='cannot be read'):
        read_checkpoint(f'{site}/evil.pth')
    assert not mark.exists()


def test_downloads_are_checked_and_fetched_once(tmp_path, site):
    weights = {'w': torch.arange(3.0)}
    torch.save(weights, tmp_path / 'model.pth')
    content = (tmp_path / 'model.pth').read_bytes()
    good = f'model-{hashlib.sha256(content).hexdigest()[:8]}.pth'
    (tmp_path / 'model.pth').rename(tmp_path / good)
    (tmp_path / 'model-0123abcd.pth').write_bytes(content)
    with pytest.raises(ValueError, match='name promises'):
        read_checkpoint(f'{site}/model-0123abcd.pth')
    with pytest.raises(ConnectionError, match='put the file at'):
        read_checkpoint(f'{site}/absent-0123abcd.pth')
    kept = download(f'{site}/{good}')
    kept.write_bytes(b'damaged')  # is noticed and fetched again
    assert read_checkpoint(f'{site}/{good}')['w'].tolist() == [0, 1, 2]
    (tmp_path / good).unlink()  # the site has it no longer
    assert torch.equal(read_checkpoint(f'{site}/{good}')['w'], weights['w'])
    from mmengine.runner import CheckpointLoader

    found = CheckpointLoader.load_checkpoint(f'{site}/{good}', 'cpu')
    assert torch.equal(found['w'], weights['w'])
    assert [p.name for p in kept.parent.iterdir()] == [good]


def test_apply_is_idempotent():
    def finders():
        return [
            finder
            for finder in sys.meta_path
            if isinstance(finder, compat._MissingDRNFinder)
        ]

    before = finders()
    compat.apply()
    assert finders() == before and len(before) == 1
    # Last, so that a real module always wins; and for two names only.
    assert before[0].find_spec('mmaction.models.localizers') is None
    assert before[0].find_spec('drn') is None


@pytest.mark.skipif(
    importlib.util.find_spec('mmaction') is None, reason='needs mmaction2'
)
def test_models_of_mmaction_can_be_imported():
    code = (
        'import mobind_mm; from mobind_mm.utils.compat import *; '
        'require_mmaction(); import mmaction.models; '
        'from mmaction.registry import MODELS; '
        "print(MODELS.get('RecognizerGCN').__module__)"
    )
    process = python('-W', 'ignore', '-c', code)
    assert process.stdout.splitlines()[-1].startswith('mmaction.models.')


@pytest.mark.parametrize(
    ('missing', 'message'),
    [
        ('mmcv', r'mobind_mm\[lite\].*full mmcv>=2\.0,<2\.2'),
        ('mmaction', r'MMAction2 is not installed: pip install'),
    ],
)
def test_what_to_install_for_mmaction(monkeypatch, missing, message):
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name: None if name == missing else object(),
    )
    with pytest.raises(ImportError, match=message):
        compat.require_mmaction()


SHARDING = """
import os, sys, torch, mobind_mm
import mmengine.model, mmengine.optim
from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS

assert 'torch.distributed.fsdp' not in sys.modules
torch.distributed.init_process_group(
    'gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
cfg = dict(type='ZeroRedundancyOptimizer', optimizer_type='SGD', lr=0.1,
           params=list(torch.nn.Linear(2, 2).parameters()))
optimizer = OPTIMIZERS.build(cfg)
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.fsdp import FullyShardedDataParallel
assert isinstance(optimizer, ZeroRedundancyOptimizer)
import mmengine.runner
for package, registry, base in (
    (mmengine.optim, OPTIMIZERS, ZeroRedundancyOptimizer),
    (mmengine.model, MODEL_WRAPPERS, FullyShardedDataParallel),
):
    name = 'MM' * (base is FullyShardedDataParallel) + base.__name__
    kind = getattr(package, name)
    assert issubclass(kind, base) and registry.get(name) is kind
    assert getattr(sys.modules[kind.__module__], name) is kind
print('fine')
"""


def test_sharded_training_is_loaded_when_it_is_used():
    process = python('-W', 'ignore', '-c', SHARDING)
    assert process.stdout.split()[-1:] == ['fine'], process.stderr


STATISTICS = """
import sys, numpy as np, mobind_mm, scipy.signal
assert 'scipy.stats' not in sys.modules
x = np.sin(np.linspace(0, 50, 500))
print(*scipy.signal.find_peaks_cwt(x, np.arange(5, 15)))
import scipy.stats
from scipy.stats import norm
assert norm.cdf(0) == 0.5 and scipy.stats.__spec__ is not None
"""


def test_statistics_are_loaded_when_peaks_are_found_with_wavelets():
    x = np.sin(np.linspace(0, 50, 500))
    process = python('-c', STATISTICS)
    expected = scipy.signal.find_peaks_cwt(x, np.arange(5, 15))
    assert process.stdout.split() == [str(i) for i in expected]


@posix
@pytest.mark.parametrize('home', [{}, {'HOME': ''}, {'HOME': 'here'}])
def test_a_user_without_an_account(home, monkeypatch):
    """As in containers; yapf and PyTorch could not be imported."""
    import pwd

    def nobody(_):
        raise KeyError('uid not found')

    monkeypatch.setattr(pwd, 'getpwuid', nobody)
    monkeypatch.setattr(os, 'environ', dict(home))
    compat.apply()
    assert os.path.isabs(os.path.expanduser('~'))
    assert getpass.getuser() == f'uid{os.getuid()}'
    for read in (find_config, read_checkpoint):  # RuntimeError
        with pytest.raises(FileNotFoundError, match='~nobody1'):
            read('~nobody1/x.py')
