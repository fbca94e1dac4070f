"""Workers end with the process that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from programs import posix

from mobind_mm.utils.processes import sigint_blocked

CODE = """
import os, subprocess, sys, time
worker = "from mobind_mm.utils.processes import follow_parent\\n"
worker += "follow_parent()\\nprint(1, flush=True)\\n"
worker += "import time; time.sleep(60)"
command = [sys.executable, "-c", worker]
child = subprocess.Popen(command, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


LATE = """
import multiprocessing, os, time

def work(seconds):
    from mobind_mm.utils.processes import follow_parent
    time.sleep(seconds)  # meanwhile the parent is killed
    follow_parent()
    time.sleep(60)

if __name__ == '__main__':
    context = multiprocessing.get_context('fork')
    child = context.Process(target=work, args=(1.0,))
    child.start()
    print(child.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != 'posix', reason='processes of POSIX')
@pytest.mark.parametrize('code', [CODE, LATE])
def test_a_worker_ends_when_its_parent_is_killed(code):
    parent = subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True
    )
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)  # it runs
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        status = Path(f'/proc/{worker}/stat').read_text()
        state = status.rsplit(')', 1)[1].split()[0]
        if state == 'Z':  # dead, but whoever inherits it does not wait
            return
        time.sleep(0.1)
    pytest.fail('the worker outlived its parent')


@posix
def test_children_leave_ctrl_c_to_their_parent():
    code = 'import signal; print(signal.pthread_sigmask(0, []))'
    with sigint_blocked():
        said = subprocess.check_output([sys.executable, '-c', code], text=True)
    assert 'SIGINT' in said
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
