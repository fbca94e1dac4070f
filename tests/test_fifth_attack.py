"""What a fifth attack found: two writers, permissions, interruption."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from mmengine.config import Config
from programs import REPO, start
from raw_videos import write_video
from safetensors import safe_open

from mobind_mm.apis import init_model, pose_extraction
from mobind_mm.apis.embedder import find_parts
from mobind_mm.apis.model import _naming_version
from mobind_mm.app.sessions import Sessions
from mobind_mm.cli.train import _only_training
from mobind_mm.readers import video
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.locks import locked
from mobind_mm.utils.tensors import write_tensors
from mobind_mm.visualization.figures import new_figure, to_image

posix = pytest.mark.skipif(os.name != 'posix', reason='signals of POSIX')

HOLDING = """
import os, sys, time
from pathlib import Path
from mobind_mm.readers import video
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.locks import locked

with locked(Path(sys.argv[1]), 'is busy', 'Wait') as alone:
    child = os.fork() if alone else -1
    if child:
        print(child, flush=True)
    time.sleep(60)
"""


def hold(file):
    return subprocess.Popen(
        [sys.executable, '-c', HOLDING, file],
        env={**os.environ, 'PYTHONPATH': str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
    )


@posix
def test_a_killed_process_holds_no_lock(tmp_path):
    file = tmp_path / 'run/.training.lock'
    python = hold(file)
    child = int(python.stdout.readline())  # a data worker that lives on
    try:
        cfg = Config(dict(work_dir=str(file.parent), launcher='none'))
        with pytest.raises(ValueError) as error, _only_training(cfg):
            pass
        assert str(error.value).startswith(
            f'{file.parent} is in use by another training '
            f'(process {python.pid} on '
        )
        assert str(error.value).endswith('directory (--work-dir).')
        python.kill()
        python.wait()
        with _only_training(cfg):
            assert file.read_text().startswith(f'process {os.getpid()} on ')
    finally:
        os.kill(child, signal.SIGKILL)
        python.kill()


class Still:
    """Estimator that sees the same person in every frame."""

    name, layout, settings, caution = 'still', 'coco', {}, ''

    def load(self):
        """There is no model."""

    reset = load

    def people(self, image):
        points = np.full((17, 2), 10.0)
        return [{'keypoints': points, 'keypoint_scores': np.ones(17)}]


@posix
def test_a_video_is_worked_on_once(tmp_path):
    pytest.importorskip('av')
    film = write_video(tmp_path / 'a.mp4', np.arange(8) / 25)
    path, part = tmp_path / 'a.json', tmp_path / '.a.json.part'
    python = hold(part)  # two runs mixed their frames
    child = int(python.stdout.readline())
    try:
        with pytest.raises(ValueError, match=r'a\.mp4 is being worked on'):
            video.estimate_video(film, path, Still())
        python.kill()
        python.wait()
        assert video.estimate_video(film, path, Still()) == 8
    finally:
        os.kill(child, signal.SIGKILL)
        python.kill()
    frames = json.loads(path.read_text())['instance_info']
    assert [frame['frame_id'] for frame in frames] == [*range(8)]
    assert not part.exists()


@posix
def test_a_full_disk_stops_all_videos(tmp_path, monkeypatch):
    pytest.importorskip('av')
    for name in 'ab':
        write_video(tmp_path / f'{name}.mp4', np.arange(8) / 25)

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    estimator = Still()
    monkeypatch.setattr(pose_extraction, 'make_estimator', lambda _: estimator)
    monkeypatch.setattr(video, '_add_line', full)
    with pytest.raises(OSError, match=r'a\.still\.json cannot be written'):
        pose_extraction.extract_poses([tmp_path])  # a.mp4: OSError, twice
    assert not [*tmp_path.glob('*.json')]


@posix
def test_uploads_to_a_killed_app_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    killed, used, fresh = (
        tmp_path / f'mobind-app-{name}' for name in ('killed', 'used', 'fresh')
    )
    for folder in (killed, used, fresh):
        (folder / 'x/in').mkdir(parents=True)
        (folder / 'x/in/private.csv').write_text('')
    for folder in (killed, used):
        os.utime(folder, (0, 0))
    (tmp_path / 'mobind-app-link').symlink_to(used)
    with locked(used / '.lock', '', ''):
        os.utime(used, (0, 0))
        sessions = Sessions()
        assert used.exists() and fresh.exists() and not killed.exists()
        sessions.close_all()
        assert not sessions.root.exists()


def test_a_lock_holds_within_a_process(tmp_path):
    file = tmp_path / '.lock'
    for _ in range(2):  # released at the end
        with locked(file, 'is busy', 'Wait') as alone:
            assert alone
            again = locked(file, 'is busy', 'Wait')
            with pytest.raises(ValueError, match='is busy. Wait.'), again:
                pass


@pytest.mark.parametrize('launcher, variable', [
    ('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID')
])  # fmt: skip
def test_processes_of_a_run_share_its_lock(
    tmp_path, monkeypatch, launcher, variable
):
    cfg = Config(dict(work_dir=str(tmp_path), launcher=launcher))
    with _only_training(cfg):
        monkeypatch.setenv(variable, '1')
        with _only_training(cfg):
            pass
        cfg.launcher = 'none'  # several runs that know nothing of each other
        with pytest.raises(ValueError, match='in use'), _only_training(cfg):
            pass


def test_a_disk_without_locks(tmp_path, monkeypatch, capsys):
    (tmp_path / '.training.lock').mkdir()  # cannot be written
    cfg = Config(dict(work_dir=str(tmp_path), launcher='none'))
    with _only_training(cfg):
        assert 'cannot be locked' in capsys.readouterr().err
    fcntl = pytest.importorskip('fcntl')
    (tmp_path / '.training.lock').rmdir()

    def no_locks(*_):
        raise OSError(37, 'No locks available')

    monkeypatch.setattr(fcntl, 'lockf', no_locks)
    with _only_training(cfg):
        assert 'cannot be locked' in capsys.readouterr().err


def test_temporary_files_of_other_machines(tmp_path):
    """A container has another name, or counts processes anew, each time."""
    left, other, mine = (
        tmp_path / f'.a.{name}.tmp'
        for name in ('gone-1-00000000', 'gone-2-00000000', 'x-y')
    )
    for path in (left, other, mine):
        path.write_text('')
    for path in (left, mine):
        os.utime(path, (0, 0))
    target = tmp_path / ('\N{SNOWMAN}' * 80)  # 240 bytes of 255
    write_whole(target, '')
    assert sorted(tmp_path.iterdir()) == sorted([mine, other, target])


def test_what_is_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no config mobind/x'):
        init_model('mobind/x.py')  # of MMEngine, with a traceback
    path = tmp_path / 'a.onnx'
    path.write_text('')
    with pytest.raises(ValueError, match='neither a checkpoint'):
        find_parts(path, None)  # "neither a file nor"


def test_checkpoints_of_other_versions_say_so():
    weights = {'meta': {'mobind_mm_version': '9.9.0'}}
    said = pytest.raises(ValueError, match='odd. It was made by mobind_mm 9.9')
    with said, _naming_version(weights):
        raise ValueError('odd.')
    for odd in ({}, {'meta': None}, {'meta': {'mobind_mm_version': 1}}):
        with pytest.raises(ValueError, match='odd.$'), _naming_version(odd):
            raise ValueError('odd.')


ENDING = """
import atexit, os, signal
from mobind_mm.utils.cli import run_command

signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored

def main():
    atexit.register(os.kill, os.getpid(), signal.SIGINT)

run_command(main)
"""


@posix
def test_a_signal_while_python_ends_leaves_no_traceback():
    done = start(sys.executable, '-c', ENDING)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, '')


def test_pictures_show_any_name(tmp_path):
    name = os.fsdecode(b'a\xff $_$ \x1b.csv')  # TypeError; ParseException
    figure = new_figure(3, 2, name)
    axes = figure.subplots()
    axes.set(yscale='log', ylabel=name)
    axes.plot([0, 1], [1, 100], label=name)
    axes.set_xticks([0, 1], [name, 'b'])
    axes.legend()
    image = to_image(figure)
    figure.savefig(tmp_path / 'a.png')  # draws in the same way
    plain = new_figure(3, 2, r'a\udcff \$_\$ \x1b.csv')
    other = plain.subplots()
    other.set(yscale='log', ylabel=r'a\udcff \$_\$ \x1b.csv')
    other.plot([0, 1], [1, 100], label=r'a\udcff \$_\$ \x1b.csv')
    other.set_xticks([0, 1], [r'a\udcff \$_\$ \x1b.csv', 'b'])
    other.legend()
    assert (image == to_image(plain)).all()


def test_files_of_tensors(tmp_path):
    path = tmp_path / 'a.safetensors'
    arrays = {
        'mask': np.array([[True, False, True]]),
        'half': np.arange(5, dtype=np.float16),
        'turned': np.arange(6.0).reshape(2, 3).T,
        'big': np.arange(3, dtype='>i4'),
        'none': np.zeros((0, 4), np.float32),
    }
    before = os.umask(0o027)
    try:
        write_tensors(path, arrays, 'sign \N{SNOWMAN}')
    finally:
        os.umask(before)
    if os.name == 'posix':
        assert stat.S_IMODE(path.stat().st_mode) == 0o640  # 0o600
    with safe_open(path, 'np') as file:
        assert file.metadata() == {'header': 'sign \N{SNOWMAN}'}
        assert set(file.keys()) == set(arrays)
        for name, array in arrays.items():
            read = file.get_tensor(name)
            assert read.dtype == array.dtype.newbyteorder('=')
            np.testing.assert_array_equal(read, array)
    assert [*tmp_path.iterdir()] == [path]
