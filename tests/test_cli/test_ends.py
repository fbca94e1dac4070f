"""How a command ends: signals, closed streams, too little memory."""

import errno
import io
import os
import signal
import subprocess
import sys
import types

import pytest
from programs import posix, start

from mobind_mm.app.work import run
from mobind_mm.utils.cli import run_command

WAITING = """
import sys, time
from pathlib import Path
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import replacing

def main():
    with replacing('a.txt') as temporary:
        temporary.write_text('half')
        print('ready', flush=True)
        time.sleep(60)

run_command(main)
"""


@posix
@pytest.mark.parametrize(
    ('number', 'status', 'line'),
    [
        (signal.SIGTERM, 143, 'terminated'),  # -15, and a temporary file
        (signal.SIGINT, 130, 'interrupted'),
    ],
)
def test_a_signal_ends_in_one_line(tmp_path, number, status, line):
    python = subprocess.Popen(
        [sys.executable, '-c', WAITING],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),
    )
    assert python.stdout.readline() == 'ready\n'
    python.send_signal(number)
    _, error = python.communicate(timeout=30)
    assert (python.returncode, error) == (status, f'\n{line}\n')
    assert not [*tmp_path.iterdir()]


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


def test_terminals_without_our_characters(monkeypatch):
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, 'ascii')
    monkeypatch.setattr(sys, 'stdout', terminal)
    run_command(lambda: print('m/s², 😀', flush=True))
    assert written.getvalue() == b'm/s\\xb2, \\U0001f600\n'


def test_a_reader_that_has_seen_enough():
    code = (
        'from mobind_mm.utils.cli import run_command\n'
        'run_command(lambda: print("x" * 10**6))'
    )
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, '-c', code],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, b'')


@pytest.mark.parametrize(
    'error',
    [
        RuntimeError("DefaultCPUAllocator: can't allocate memory: tried 9"),
        ImportError('libtorch_cpu.so: cannot allocate memory'),
        OSError(errno.ENOMEM, 'Cannot allocate memory'),
        MemoryError(),
    ],
)
def test_too_little_memory_is_one_line(error, capsys, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.delenv('MOBIND_DEBUG', raising=False)
    with pytest.raises(SystemExit) as end:
        run_command(fail)  # a traceback
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.startswith('error: there is too little memory. ')
    assert said.count('\n') == 1
    sent = []
    monkeypatch.setitem(run.__globals__, '_JOBS', {'inspect': fail})
    run(types.SimpleNamespace(send=sent.append), 'inspect', 'x', {})
    assert sent == [('error', 'This computer has too little memory for it.')]
