"""Outputs that cannot be written, Ctrl-C, long messages, bugs of ours."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from mobind_mm.cli import main
from mobind_mm.cli.arguments import frame_rate
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import check_output, replacing


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
    tmp_path, monkeypatch, capsys, words, flag
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'out').write_text('mine')
    monkeypatch.setattr(sys, 'argv', ['mobind', *words, flag, 'out'])
    status, text = outcome(main, capsys)
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


def test_estimates_of_videos_go_into_a_folder_that_is_there(
    tmp_path, monkeypatch, capsys
):
    """A second run of ``mobind pose FOLDER --out FOLDER`` goes on."""
    missing = str(tmp_path / 'take.mp4')
    words = ['mobind', 'pose', missing, '--out', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', words)
    status, text = outcome(main, capsys)
    assert status == 2 and 'take.mp4' in text and '--out' not in text
