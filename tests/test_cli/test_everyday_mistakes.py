"""Outputs that cannot be written, Ctrl-C, long messages, bugs of ours."""

import errno
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser

import numpy as np
import pytest
from programs import posix
from raw_pose_tools import (
    RATE,
    SHAPE,
    alphapose,
    mediapipe_wide,
    openpose,
    person,
    write,
)

from mobind_mm.apis.sources import to_pose
from mobind_mm.cli.arguments import (
    add_imu_arguments,
    add_pose_arguments,
    file_source,
    frame_rate,
    pose_source,
)
from mobind_mm.cli.models import COMMANDS
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import INPUTS, check_output, replacing, write_whole


def outcome(function, capsys):
    """Exit status and standard error of a command."""
    with pytest.raises(SystemExit) as caught:
        run_command(function)
    return caught.value.code, capsys.readouterr().err


def test_an_output_that_is_something_else(tmp_path):
    file = tmp_path / 'out'
    file.write_text('')
    with pytest.raises(OSError, match=r'out is a file; give a directory'):
        check_output(file, is_dir=True)
    with pytest.raises(OSError, match=r'is a directory; give a file'):
        check_output(tmp_path, is_dir=False)
    with pytest.raises(OSError, match=r'out is a file; give another place'):
        check_output(file / 'sync', is_dir=True)
    check_output(tmp_path / 'new' / 'deep', is_dir=True)
    check_output(tmp_path / 'new' / 'a.json', is_dir=False)
    assert [p.name for p in tmp_path.iterdir()] == ['out']


def test_an_output_without_permission_or_room(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with pytest.raises(PermissionError, match='no permission to write'):
        check_output(tmp_path / 'a', is_dir=True)
    monkeypatch.undo()
    full = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: full)
    with pytest.raises(OSError, match='is full; make room') as caught:
        check_output(tmp_path / 'a', is_dir=True)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ('words', 'flag'),
    [
        (('sync', '--imu', 'a.csv', '--pose', 'b.json'), '--out-dir'),
        (('recognize', '--imu', 'a.csv'), '--out-dir'),
        (('convert', 'tables', 'a.yml'), '--out'),
    ],
)
def test_commands_look_at_it_before_the_work(
    tmp_path, monkeypatch, command, words, flag
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'out').write_text('mine')
    status, _, text = command('mobind', *words, flag, 'out')
    assert status == 2
    assert text == (
        f'error: {flag} out is a file; give a directory for the results, or '
        'move it away.\n'
    )
    assert (tmp_path / 'out').read_text() == 'mine'


def test_interrupted(capsys):
    def stopped():
        raise KeyboardInterrupt

    assert outcome(stopped, capsys) == (130, '\ninterrupted\n')


def test_what_the_system_refuses_is_one_line(tmp_path, capsys):
    def denied():
        raise PermissionError(errno.EACCES, 'Permission denied', 'a.csv')

    assert outcome(denied, capsys) == (2, 'error: a.csv: Permission denied.\n')
    status, text = outcome(tmp_path.read_text, capsys)
    assert (status, text) == (2, f'error: {tmp_path}: Is a directory.\n')


def test_a_bug_of_ours_keeps_its_traceback():
    def bug():
        check_output(None, is_dir=True)

    with pytest.raises(TypeError):
        run_command(bug)


def test_no_message_is_longer_than_a_screen(capsys):
    status, text = outcome(lambda: frame_rate('x' * 100_000), capsys)
    assert status == 2
    assert len(text) < 2100 and '[...]' in text
    status, text = outcome(lambda: check_output('x' * 10_000, True), capsys)
    assert status == 2
    assert len(text) < 2100 and 'name too long' in text


def test_files_of_killed_runs_are_removed_by_the_next(tmp_path):
    code = (
        'import os, signal, sys\n'
        'from mobind_mm.utils.files import replacing\n'
        'with replacing(sys.argv[1]) as temporary:\n'
        '    temporary.write_text("half")\n'
        '    os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    target = tmp_path / 'a.json'
    subprocess.run([sys.executable, '-c', code, str(target)], check=False)
    (left,) = tmp_path.iterdir()
    foreign = tmp_path / '.b.json.elsewhere-1-00000000.tmp'
    foreign.write_text('of another machine')
    with replacing(target) as temporary:
        assert not left.exists()
        temporary.write_text('whole')
    assert sorted(tmp_path.iterdir()) == [foreign, target]


def test_estimates_of_videos_go_into_a_folder_that_is_there(tmp_path, command):
    """A second run of ``mobind pose FOLDER --out FOLDER`` goes on."""
    missing = tmp_path / 'take.mp4'
    status, _, text = command('mobind', 'pose', missing, '--out', tmp_path)
    assert status == 2 and 'take.mp4' in text and '--out' not in text


# ``--pose`` and the flags beside it, as every command takes them

SIZE = ['--img-shape', *map(str, SHAPE)]


def parse(*words):
    parser = ArgumentParser()
    add_imu_arguments(parser, required=False)
    add_pose_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def pose_of(*words):
    return to_pose(pose_source(parse(*words)))


def test_a_folder_of_openpose(tmp_path):
    folder = write(openpose(*person()), tmp_path)
    pose = pose_of('--pose', folder, '--fps', 25, *SIZE)
    assert (pose.clock.rate, pose.img_shape) == (25.0, SHAPE)
    with pytest.raises(ValueError, match=r'--fps, --frame-times\), or the'):
        pose_of('--pose', folder, *SIZE)
    with pytest.raises(ValueError, match=r'--img-shape HEIGHT WIDTH\), or'):
        pose_of('--pose', folder, '--fps', 25)
    with pytest.raises(ValueError, match=r'\(rate\) and the height and width'):
        pose_of('--pose', folder)


def test_frame_times(tmp_path):
    file = write(alphapose(*person()), tmp_path)
    times = np.arange(60) ** 1.1 / RATE
    (tmp_path / 't.csv').write_text('\n'.join(['t', *map(str, times)]))
    given = ['--pose', file, '--frame-times', tmp_path / 't.csv', *SIZE]
    np.testing.assert_allclose(pose_of(*given).clock.at(), times)
    with pytest.raises(ValueError, match='both a rate and the times'):
        pose_of(*given, '--fps', 30)


def test_a_mapping(tmp_path):
    file = write(mediapipe_wide(*person()), tmp_path)
    keys = (
        "columns: {time: timestamp_ms, x: '{keypoint}_x', "
        "y: '{keypoint}_y', score: '{keypoint}_visibility'}\n"
        'units: {time: ms, keypoints: fraction}\n'
        'keypoint_names: {nose: NOSE, left_wrist: LEFT_WRIST}\n'
    )
    beside, alone = tmp_path / 'map.yml', tmp_path / 'own.yml'
    beside.write_text(keys)
    alone.write_text(f'{keys}file: wide.csv\n')
    flags = ['--layout', 'coco', *SIZE]
    for given in (
        ['--pose', file, '--pose-mapping', beside, *flags],
        ['--pose', alone, *flags],
    ):
        pose = pose_of(*given)
        assert (pose.layout, pose.img_shape) == ('coco', SHAPE)
        np.testing.assert_allclose(
            pose.keypoints[:, 0], person()[0][:, 0], atol=0.01
        )
        assert np.flatnonzero(pose.scores.any(axis=0)).tolist() == [0, 9]


def test_files_of_a_gallery_are_known_by_content(tmp_path):
    folder = write(openpose(*person()), tmp_path)
    table = write(mediapipe_wide(*person()), tmp_path)
    (tmp_path / 'imu.csv').write_text('time,head_acc_x\n0,1\n')
    args = parse('--fps', 30, *SIZE)
    for path in (folder, table):
        assert file_source(args, str(path))['pose']['file'] == str(path)
    assert 'imu' in file_source(args, str(tmp_path / 'imu.csv'))
    assert file_source(args, str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize(
    'words',
    [
        ('inspect', 'pipe.csv'),
        ('sync', '--imu', 'pipe.csv', '--pose', 'a.json'),
        ('sync', '--imu', 'a.csv', '--pose', 'a', '--checkpoint', 'pipe.csv'),
        ('index', 'build', 'new', 'pipe.csv'),
        ('eval', 'pipe.csv'),
        ('convert', 'tables', 'a.yml', '--out', 'pipe.csv'),
    ],
)
def test_a_pipe_is_refused_before_anybody_waits_for_it(
    tmp_path, monkeypatch, command, words
):
    monkeypatch.chdir(tmp_path)
    os.mkfifo('pipe.csv')
    status, _, error = command('mobind', *words)
    assert status == 2
    assert 'pipe.csv: is a pipe' in error or 'pipe.csv is a pipe' in error


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('sync', '--fps', '0'), '--fps: 0 frames per second; expected'),
        (('sync', '--max-offset', 'nan'), '--max-offset: nan is not a number'),
        (('sync', '--around', '1e300'), '--around: 1e+300 is not a number'),
        (('sync', '--img-shape', '0', '0'), '--img-shape: 0; expected 1 to'),
        (('align', '--imu', 'a', '--rate', '1e9'), '--rate: 1e9; expected'),
        (('align', '--imu', 'a', '--to', ','), '--to: names nothing'),
        (('retrieve', '--stride-sec', '0'), '--stride-sec: 0; expected'),
        (('sync', '--nope'), 'unrecognized arguments: --nope'),
        (('inspect',), 'arguments are required: path'),
    ],
)
def test_flags_of_no_use(command, words, said):
    status, _, error = command('mobind', *words)
    assert status == 2
    assert said in error and error.count('\n') == 1, error


def test_an_input_is_not_replaced(tmp_path, monkeypatch, command):
    path, link = tmp_path / 'a.pth', tmp_path / 'b.pt2'
    path.write_bytes(b'whole')
    link.symlink_to(path)
    flags, _ = COMMANDS['export']
    run = lambda args: write_whole(args.out, '')  # noqa: E731
    monkeypatch.setitem(COMMANDS, 'export', (flags, run))
    for out in (path, link):
        words = 'export', path, '--format', 'torch', '--out', out
        status, _, said = command('mobind', *words)
        assert status == 2
        assert said.endswith('result; give another place.\n')
    assert path.read_bytes() == b'whole' and not INPUTS


@pytest.mark.parametrize('flag', ['loop', 'loop/x', 'nowhere'])
def test_links_that_lead_nowhere(tmp_path, command, flag):
    (tmp_path / 'loop').symlink_to('loop')
    (tmp_path / 'nowhere').symlink_to('gone')
    words = 'train', 'mobind/synthetic.py', '--work-dir', tmp_path / flag
    status, _, said = command('mobind', *words)  # RuntimeError
    assert status == 2 and 'is a link that leads nowhere' in said


def test_sensors_for_an_archive_are_placed(tmp_path, command):
    path = tmp_path / 'gone.csv'
    words = 'index', 'build', tmp_path / 'a', path
    status, _, said = command('mobind', *words)
    assert status == 2 and 'gone.csv' in said  # AttributeError: no placement


@posix
def test_a_directory_that_was_removed(tmp_path, monkeypatch, command):
    gone = tmp_path / 'gone'
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    status, _, said = command('mobind', 'models')
    assert status == 2 and 'current directory has been removed' in said
