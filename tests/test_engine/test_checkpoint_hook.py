"""Checkpoints: whole or not there, and nothing lost on the way."""

import errno
import os
import resource
import subprocess
from contextlib import contextmanager

import pytest
import torch
from loop_project import build, diary, task
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mobind_mm.engine import (
    CheckpointHook,
    EarlyStoppingHook,
    WholeFileBackend,
)
from mobind_mm.utils.checkpoint import find_resumable, read_checkpoint
from mobind_mm.utils.files import replacing


class Scripted(Hook):
    """Changes the metric ``a/total``, and may end a validation or a run."""

    priority = 'VERY_HIGH'

    def __init__(self, values=(), end_at=None):
        self.values = values
        self.end_at = end_at

    def before_val_epoch(self, runner):
        if runner.epoch == self.end_at:
            raise KeyboardInterrupt

    def after_val_epoch(self, runner, metrics=None):
        if self.values:
            metrics['a/total'] = float(self.values[runner.epoch - 1])


def build_runner(work_dir, resume=None, hooks=(), scripted=None, **checkpoint):
    """Six epochs of two numbers, validated after each."""
    work_dir.mkdir(exist_ok=True)
    options = {}
    if resume is not None:
        options.update(load_from=str(resume), resume=True)
    runner = build(
        work_dir,
        'val',
        dict(a=task('a', range(5))),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', **checkpoint)
        ),
        hooks=hooks,
        **options,
    )
    if scripted is not None:
        runner.register_hook(scripted)
    return runner


def checkpoints(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def test_a_config_in_our_scope_gets_ours(tmp_path):
    runner = build_runner(tmp_path)
    assert any(isinstance(hook, CheckpointHook) for hook in runner.hooks)
    assert HOOKS.get('mmengine.CheckpointHook') is CheckpointHook.__bases__[0]


def test_old_files_go_after_new_ones_came(tmp_path, monkeypatch):
    seen = {}
    put = WholeFileBackend.put

    def watched(self, content, path):
        before = checkpoints(tmp_path)
        put(self, content, path)
        assert set(before) <= set(checkpoints(tmp_path))
        seen[os.path.basename(path)] = before

    monkeypatch.setattr(WholeFileBackend, 'put', watched)
    build_runner(
        tmp_path,
        scripted=Scripted(values=range(6)),
        interval=1,
        max_keep_ckpts=1,
        save_best='a/total',
        rule='greater',
    ).train()
    best = 'best_a_total_epoch_{}.pth'.format
    for epoch in range(2, 7):
        assert best(epoch - 1) in seen[best(epoch)]
    assert checkpoints(tmp_path) == [best(6), 'epoch_6.pth']
    last = (tmp_path / 'last_checkpoint').read_text()
    assert last == str(tmp_path / 'epoch_6.pth')


def test_what_a_killed_run_did_not_remove_goes_later(tmp_path):
    runner = build_runner(
        tmp_path, interval=1, max_keep_ckpts=1, scripted=Scripted(end_at=2)
    )
    kept = tmp_path / 'kept.pth'

    class Copy(Hook):
        def after_val_epoch(self, runner, metrics=None):
            os.link(tmp_path / 'epoch_1.pth', kept)

    runner.register_hook(Copy())
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    # As if killed after the new file was there.
    kept.rename(tmp_path / 'epoch_1.pth')
    (tmp_path / '.epoch_3.pth.17.tmp').write_bytes(b'half')
    build_runner(
        tmp_path, resume=tmp_path / 'epoch_2.pth', interval=1, max_keep_ckpts=1
    ).train()
    assert checkpoints(tmp_path) == ['epoch_6.pth']
    assert not list(tmp_path.glob('.*.tmp'))


def test_a_validation_that_was_cut_short_is_made_up_for(tmp_path):
    runner = build_runner(tmp_path, interval=1, scripted=Scripted(end_at=3))
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert len(diary(runner).metrics) == 2
    resumed = build_runner(
        tmp_path / 'resumed', resume=tmp_path / 'epoch_3.pth', interval=1
    )
    resumed.train()
    assert len(diary(resumed).metrics) == 4
    # One that was finished is not done again.
    again = build_runner(
        tmp_path / 'again',
        resume=tmp_path / 'epoch_3.pth',
        interval=1,
        save_best='a/total',
        rule='greater',
        scripted=Scripted(values=range(6)),
    )
    again.train()
    assert len(diary(again).metrics) == 4
    more = build_runner(
        tmp_path / 'more', resume=tmp_path / 'again/epoch_5.pth', interval=1
    )
    more.train()
    assert len(diary(more).metrics) == 1


@pytest.mark.parametrize('resume_at', [1, 3, 4])
def test_patience_goes_on_counting(tmp_path, resume_at):
    """Best at epoch 2 and patience 3: the run ends after epoch 5."""
    stop = dict(type='EarlyStoppingHook', monitor='a/total', rule='greater')
    stop.update(patience=3, min_delta=0.0)
    values = (1, 5, 4, 3, 2, 1)
    options = dict(hooks=[stop], interval=1)
    ended = Scripted(values, end_at=resume_at + 1)
    runner = build_runner(tmp_path, scripted=ended, **options)
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    resumed = build_runner(
        tmp_path / 'resumed',
        resume=tmp_path / f'epoch_{resume_at + 1}.pth',
        scripted=Scripted(values),
        **options,
    )
    resumed.train()
    assert resumed.epoch == 5
    # Resumed when it has ended, it does nothing.
    (last,) = (h for h in resumed.hooks if isinstance(h, CheckpointHook))
    last._save_checkpoint_with_step(resumed, 5, dict(epoch=5, iter=5))
    again = build_runner(
        tmp_path / 'again',
        resume=tmp_path / 'resumed/epoch_5.pth',
        scripted=Scripted(values),
        **options,
    )
    again.train()
    assert again.epoch == 5


@contextmanager
def largest_file(num_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_that_does_not_fit(tmp_path):
    """One clear error, and what was there is still there."""
    runner = build_runner(tmp_path, interval=1, scripted=Scripted(end_at=1))
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    first = tmp_path / 'epoch_1.pth'
    runner = build_runner(tmp_path, interval=1, resume=first)
    limit = largest_file(first.stat().st_size - 1)
    message = r'epoch_2\.pth cannot be written.*make room'
    with limit, pytest.raises(OSError, match=message) as caught:
        runner.train()
    assert caught.value.errno == errno.EFBIG
    assert checkpoints(tmp_path) == ['epoch_1.pth']
    assert not list(tmp_path.glob('.*.tmp'))
    assert find_resumable(str(tmp_path), pytest.fail) == str(first)


def test_a_full_disk(tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    options = ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(disk)]
    if os.geteuid() or subprocess.run(['mount', *options]).returncode:
        pytest.skip('file systems cannot be mounted here')
    try:
        WholeFileBackend().put(b'old', disk / 'a')
        with pytest.raises(OSError, match='No space left.*/a cannot be'):
            WholeFileBackend().put(bytes(100_000), disk / 'a')
        assert [p.name for p in disk.iterdir()] == ['a']
        assert (disk / 'a').read_bytes() == b'old'
    finally:
        subprocess.run(['umount', str(disk)], check=True)


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / 'a'
    WholeFileBackend().put_text('ä', path)
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text('half')
        raise KeyboardInterrupt
    assert path.read_text('utf-8') == 'ä'
    assert [p.name for p in tmp_path.iterdir()] == ['a']


def damage(path, kind):
    content = bytearray(path.read_bytes())
    if kind == 'cut':
        path.write_bytes(content[: len(content) // 2])
    elif kind == 'empty':
        path.write_bytes(b'')
    else:  # one byte of a tensor, which torch.load does not notice
        place = content.index(b'/data/0') + 64
        content[place : place + 64] = bytes(64 * [99])
        path.write_bytes(content)


@pytest.mark.parametrize('kind', ['cut', 'empty', 'flipped'])
def test_the_one_before_a_damaged_checkpoint_is_used(tmp_path, kind):
    assert find_resumable(str(tmp_path), pytest.fail) is None
    build_runner(tmp_path, interval=1, max_keep_ckpts=3).train()
    last, before = tmp_path / 'epoch_6.pth', tmp_path / 'epoch_5.pth'
    assert find_resumable(str(tmp_path), pytest.fail) == str(last)
    damage(last, kind)
    with pytest.raises(ValueError, match=r'epoch_6\.pth cannot be read'):
        read_checkpoint(str(last))
    warnings = []
    assert find_resumable(str(tmp_path), warnings.append) == str(before)
    (warning,) = warnings
    assert 'epoch_6.pth' in warning and 'the one before' in warning
    # It is written again.
    build_runner(tmp_path, interval=1, resume=before).train()
    assert find_resumable(str(tmp_path), pytest.fail) == str(last)
    for path in tmp_path.glob('epoch_*.pth'):
        damage(path, kind)
    with pytest.raises(ValueError, match='no checkpoint that can be resumed'):
        find_resumable(str(tmp_path), warnings.append)


@pytest.mark.parametrize('content', [b'', b'\xff\xfe\n', b'/gone/epoch_9.pth'])
def test_a_damaged_pointer(tmp_path, content):
    build_runner(tmp_path, interval=1, max_keep_ckpts=2).train()
    (tmp_path / 'last_checkpoint').write_bytes(content)
    found = find_resumable(str(tmp_path), lambda message: None)
    assert found == str(tmp_path / 'epoch_6.pth')


@pytest.mark.parametrize('kind', ['base', 'import'])
def test_resuming_runs_no_config_of_the_checkpoint(
    tmp_path, monkeypatch, kind
):
    build_runner(tmp_path / 'run', interval=1, max_keep_ckpts=9).train()
    marker = tmp_path / 'executed'
    program = f'open({str(marker)!r}, "w").close()\n'
    (tmp_path / 'harmful.py').write_text(program)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = {
        'base': f'_base_ = {str(tmp_path / "harmful.py")!r}\n',
        'import': "custom_imports = dict(imports=['harmful'])\n",
    }[kind]
    path = tmp_path / 'run/epoch_2.pth'
    checkpoint = read_checkpoint(str(path))
    checkpoint['meta'] = dict(checkpoint['meta'], config=text, cfg=text)
    torch.save(checkpoint, path)
    build_runner(tmp_path / 'other', interval=1, resume=path).train()
    assert (tmp_path / 'other/epoch_6.pth').is_file()
    assert not marker.exists()


def test_a_run_resumed_elsewhere_leaves_the_first_alone(tmp_path):
    options = dict(interval=1, save_best='a/total', rule='greater')
    first = tmp_path / 'first'
    build_runner(
        first, **options, max_keep_ckpts=9, scripted=Scripted(range(6))
    ).train()
    before = checkpoints(first)
    build_runner(
        tmp_path / 'second',
        **options,
        resume=first / 'epoch_3.pth',
        scripted=Scripted([0, 1, 2, 7, 8, 9]),
    ).train()
    assert checkpoints(first) == before
    assert any('best' in name for name in checkpoints(tmp_path / 'second'))


def test_early_stopping_builds_no_training_set_for_a_test():
    class Runner:
        @property
        def train_loop(self):
            raise AssertionError('the training set was built')

    stop = EarlyStoppingHook(monitor='a/total', rule='greater')
    stop.before_run(Runner())
