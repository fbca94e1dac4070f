"""Programs in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]


def start(*words, cwd=None, **environment):
    """Run a program on one core, until it ends; its process."""
    return subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        env={
            **os.environ,
            'CUDA_VISIBLE_DEVICES': '',
            'OMP_NUM_THREADS': '1',
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
    done = start(*words, cwd=cwd, **environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done


def python(*words, cwd=None, **environment):
    """Run Python with some words, likewise."""
    return program(sys.executable, *words, cwd=cwd, **environment)


def tool(name, *words, cwd):
    """Run a program of ``tools/`` in a directory; its process."""
    path = REPO / 'tools' / name
    return python(path.with_suffix('.py'), *words, cwd=cwd)
