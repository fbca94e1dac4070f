"""Processes that start at once: what takes seconds is imported already."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import forkserver
from pathlib import Path

import mmengine.config.config
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

REPO = Path(__file__).parents[2]
ONE_CORE = {'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}
_IMPORTED = [
    'torch', 'matplotlib.figure', 'scipy.signal', 'mmengine.runner',
    'mobind_mm.cli.train', 'mobind_mm.cli.test', 'mobind_mm.engine',
    'mobind_mm.datasets', 'mobind_mm.evaluation', 'mobind_mm.models',
    'mobind_mm.synchronization', 'mobind_mm.visualization.task_pictures',
]  # fmt: skip


@lru_cache
def warm():
    """What starts processes from one that has done these imports."""
    context = mp.get_context('forkserver')
    context.set_forkserver_preload(_IMPORTED)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ONE_CORE.items():
            patch.setenv(name, value)
        patch.setenv('PYTHONPATH', str(REPO))
        forkserver.ensure_running()
    return context


def run_tools(*commands, cwd=None, **environment):
    """Run programs one after the other in one process, until it ends.

    Returns what ``subprocess.run`` does.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ('out', 'err')]
        arguments = [[*map(str, command)] for command in commands]
        job = arguments, files, str(cwd or os.getcwd()), environment
        process = warm().Process(target=_run_tools, args=job)
        process.start()
        process.join(1800)
        assert process.exitcode is not None, f'{commands} does not end'
        out, err = (file.read_text() for file in files)
    return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def _run_tools(commands, files, cwd, environment):
    multiprocessing.set_start_method('fork', force=True)
    mmengine.config.config.FormatCode = lambda text, **_: (text, True)
    os.chdir(cwd)
    os.environ.update({**ONE_CORE, **environment})
    for stream, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream)
    sys.path[:0] = environment.get('PYTHONPATH', str(REPO)).split(os.pathsep)
    sys.path.insert(0, '')
    for sys.argv in commands:
        sys.path[0] = os.path.dirname(sys.argv[0])
        runpy.run_path(sys.argv[0], run_name='__main__')


def spread(function, arguments, count):
    """Call a function of a rank in so many processes, and wait for them."""
    warm()
    mp.start_processes(
        function, arguments, nprocs=count, start_method='forkserver'
    )


@contextmanager
def process_group(rank, world, folder):
    """Join the processes that meet in a folder, with one thread each."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/store{world}',
        rank=rank,
        world_size=world,
    )
    yield
    dist.barrier()
    dist.destroy_process_group()


HOLDING = """
import os, sys, time
from pathlib import Path
from mobind_mm.utils.locks import locked

with locked(Path(sys.argv[1]), 'is busy', 'Wait') as alone:
    child = os.fork() if alone else -1
    if child:
        print(child, flush=True)
    time.sleep(60)
"""


def hold(file):
    """Start a process that locks a file, and a child that it leaves."""
    return subprocess.Popen(
        [sys.executable, '-c', HOLDING, file],
        env={**os.environ, 'PYTHONPATH': str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
    )
