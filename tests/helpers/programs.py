"""Programs in a process of their own."""

import os
import subprocess
import sys

import pytest
from processes import ONE_CORE, REPO, run_tools

posix = pytest.mark.skipif(
    os.name != 'posix', reason='signals and users of POSIX'
)


def start(*words, cwd=None, **environment):
    """Run a program on one core, until it ends; its process."""
    return subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        env={
            **os.environ,
            **ONE_CORE,
            'PYTHON': sys.executable,
            'PYTHONPATH': str(REPO),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
    )


def program(*words, cwd=None, **environment):
    """Run a program that ends well; its process."""
    return _ended_well(start(*words, cwd=cwd, **environment))


def _ended_well(done):
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done


def python(*words, cwd=None, **environment):
    """Run Python with some words, likewise."""
    return program(sys.executable, *words, cwd=cwd, **environment)


def tool(name, *words, cwd):
    """Run a program of ``tools/`` in a directory; its process."""
    path = (REPO / 'tools' / name).with_suffix('.py')
    return _ended_well(run_tools([path, *words], cwd=cwd))
