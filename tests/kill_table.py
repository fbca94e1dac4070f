"""Kill commands at random moments, go on, and print what was lost.

    python tests/kill_table.py [--kills N] [--seed N] [--conversions-only
        | --study-only | --training-only | --signals-only]

Half of the kills come at a random moment, half while a file is written or
just after. What is left must be whole, and the command that goes on must end
with the very files of one that was never killed. Some commands also get as
many Ctrl-C and SIGTERM at random moments, which must end in their line and
status, and leave nothing half-written. No process may stay. PyTorch is
imported once; every command runs in a fork of this process.
"""

import argparse
import io
import os
import re
import runpy
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from mmengine.config import config
from scipy.io import savemat

TESTS = Path(__file__).resolve().parent
REPO = TESTS.parent
sys.path[:0] = [str(REPO), str(TESTS / 'helpers')]

import matplotlib.backends.backend_agg  # noqa: E402
import matplotlib.figure  # noqa: E402, F401
import raw_totalcapture  # noqa: E402

# What the commands import, so that every fork has it.
import mobind_mm.apis  # noqa: E402
import mobind_mm.apis.study.report  # noqa: E402
import mobind_mm.datasets  # noqa: E402
import mobind_mm.engine  # noqa: E402
import mobind_mm.evaluation  # noqa: E402
import mobind_mm.models  # noqa: E402
import mobind_mm.synchronization  # noqa: E402
import mobind_mm.visualization  # noqa: E402
from mobind_mm.recordings import write_imu, write_pose  # noqa: E402
from mobind_mm.synchronization.conformance import simulate_recording  # noqa: E402
from mobind_mm.utils.checkpoint import find_resumable, read_checkpoint  # noqa: E402

torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # imports the rest

EPOCHS = 3
TRAINING = [
    f'train_cfg.max_epochs={EPOCHS}', 'train_cfg.val_interval=1',
    'train_dataloader.batch_size=8', 'default_hooks.checkpoint.interval=1',
    'log_level=WARNING',
    'default_hooks.checkpoint.save_best=retrieval/imu2pose_R@1',
    'default_hooks.checkpoint.rule=greater', 'model.imu_backbone.num_layers=1',
    'model.pose_backbone.num_layers=1',
]  # fmt: skip


ENDS = {
    signal.SIGTERM: (143, '\nterminated\n'),
    signal.SIGINT: (130, '\ninterrupted\n'),
}
"""Status and last line of commands that a signal ends."""


class KilledError(Exception):
    """A command that was killed before it ended."""


def run(command, folder, plan=None, number=signal.SIGKILL):
    """Run a command in a fork; return its output and number of files.

    Args:
        command: Script under ``tools`` and its arguments.
        folder: Working directory.
        plan: Seconds after which to kill, or (number of a file, moment):
            ``during`` or ``after`` it is written.
        number: Signal that is sent after seconds.
    """
    log = folder / 'log.txt'
    log.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        _be_the_command(command, folder, log, plan)
    if isinstance(plan, float):
        time.sleep(plan)
        os.kill(pid, number)
    _, status = os.waitpid(pid, 0)
    output = log.read_text(errors='replace') if log.exists() else ''
    _check_group(pid)
    if plan is not None and os.waitstatus_to_exitcode(status) == 128 + number:
        assert ENDS[number][0] == 128 + number
        assert output.endswith(ENDS[number][1]), output[-5000:]
        assert 'Traceback' not in output, output[-5000:]
        assert not [*folder.rglob('*.tmp*')], [*folder.rglob('*.tmp*')]
        raise KilledError
    if os.WIFSIGNALED(status):
        assert plan is not None, output
        raise KilledError
    assert os.WEXITSTATUS(status) == 0, output[-5000:]
    return output, int(re.findall(r'FILES (\d+)', output)[-1])


def _check_group(group):
    """Whom a command started ends with it, within seconds."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f'processes of group {group} stay')


def _be_the_command(command, folder, log, plan):
    code = 1
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1), os.dup2(out, 2)
        os.chdir(folder)
        sys.argv = [str(REPO / 'tools' / command[0]), *map(str, command[1:])]
        count = _watch_files(plan)
        # What takes most of the time and writes nothing.
        config.FormatCode = lambda text, **_: (text, True)
        mobind_mm.engine.TrainingCurveHook._draw = lambda *_: None
        try:
            runpy.run_path(sys.argv[0], run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code or 0
        if not code:
            print('FILES', len(count), flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _watch_files(plan):
    """Count files that are moved into place; end at the one of the plan."""
    replace, count = os.replace, []

    def watched(source, target, **options):
        at = plan if isinstance(plan, tuple) else (None, None)
        count.append(target)
        if len(count) == at[0] and at[1] == 'during':
            os.truncate(source, os.path.getsize(source) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target, **options)
        if len(count) == at[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = watched
    return count


class Training:
    """A training that validates, keeps two checkpoints and the best."""

    name = 'training, `train.py --resume`'

    def __init__(self, data):
        self.command = [
            *('train.py', REPO / 'configs/mobind/utd_mhad.py', '--resume'),
            *('--data-root', data, '--work-dir', 'run', '--cfg-options'),
            *TRAINING,
        ]

    @staticmethod
    def content(folder):
        """Weights of all checkpoints, and what the run knows."""
        result = {}
        for path in sorted((folder / 'run').glob('*.pth')):
            checkpoint = read_checkpoint(str(path))
            result[path.name] = checkpoint['state_dict']
        known = checkpoint['message_hub']['runtime_info']
        kept = ('best_score', 'validated_iter', 'training_curve_points')
        result['known'] = {
            k: Path(v).name if isinstance(v, str) else v
            for k, v in known.items()
            if k in kept or k.startswith('early_stopping')
        }
        return result

    @staticmethod
    def check(folder, reference):
        """Everything with the name of a checkpoint is whole."""
        run = folder / 'run'
        for path in run.glob('*.pth'):
            read_checkpoint(str(path))
        found = find_resumable(str(run), _refuse) if run.exists() else None
        epochs = int(re.findall(r'\d+', found)[-1]) if found else 0
        return f'{epochs} of {EPOCHS} epochs saved'


class Conversion:
    """A conversion of several takes."""

    def __init__(self, name, source):
        self.name = f'conversion, `{name}.py`'
        self.command = [f'dataset_converters/{name}.py', source]
        self.command += ['--out', 'out']

    content = staticmethod(lambda folder: files_of(folder / 'out'))

    @staticmethod
    def check(folder, reference):
        """Every file is one of the files to be, and annotations last."""
        found = files_of(folder / 'out')
        only_whole(found, reference)
        if any(n.startswith('annotations') for n in found):
            assert {n for n in reference if 'safetensors' in n} <= set(found)
        half = 'no' if len(found) == 0 else 'some'
        if len(found) == len(reference):
            half = 'all'
        return f'{half} files written'


class Inference:
    """A test that replaces results of an earlier one."""

    name = 'inference, `test.py --out --dump-cases --dump-embeddings`'

    def __init__(self, data, checkpoint):
        self.command = [
            *('test.py', REPO / 'configs/mobind/utd_mhad.py', checkpoint),
            *('--data-root', data, '--work-dir', 'run', '--out'),
            *('results/all.json', '--dump-cases', 'results/cases'),
            *('--dump-embeddings', 'results/e.safetensors'),
            '--cfg-options',
            *TRAINING[-2:],
        ]

    content = staticmethod(lambda folder: files_of(folder / 'results'))

    @staticmethod
    def check(folder, reference):
        """Every file is that of this test or that of the one before."""
        found = files_of(folder / 'results')
        new = {n for n, content in found.items() if content == reference[n]}
        assert all(found[n] == b'old' for n in set(found) - new)
        return f'{"all" if len(new) == len(reference) else len(new)} new files'

    @staticmethod
    def prepare(folder, reference):
        """Leave results of an earlier test."""
        for name in reference:
            path = folder / 'results' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b'old')


class Command:
    """A command that writes its results at its end, and these signals.

    Args:
        name: Its name in the table.
        words: The program and its flags.
    """

    signals = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)

    def __init__(self, name, *words):
        self.name, self.command = name, [*words, '--out-dir', 'out']

    content = staticmethod(lambda folder: files_of(folder / 'out'))

    @staticmethod
    def check(folder, reference):
        """Every file is one of the files to be."""
        found = files_of(folder / 'out')
        only_whole(found, reference)
        return f'{len(found)} of {len(reference)} files'


def commands(folder):
    """A synchronisation with its preview, and a search of an archive."""
    data = Study.write(folder / 'data')
    program = folder / 'index.py'
    program.write_text('from mobind_mm.cli import main\n\nmain("index")\n')
    imu, pose = data / 'imu/a0.safetensors', data / 'pose/b0.safetensors'
    run([program, 'build', folder / 'archive', pose], folder)
    words = '--preview', 'out.webp', '--preview-sec', '1', '--imu', imu
    yield Command(
        'one recording, `mobind sync --preview out.webp`',
        *('sync.py', *words, '--pose', pose),
    )
    yield Command(
        'search, `mobind index search`',
        *(program, 'search', folder / 'archive', '--imu', imu),
    )


class Study:
    """A study of three recordings and three videos."""

    name = 'study, `mobind sync --study`'

    def __init__(self, data):
        self.command = ['sync.py', '--study', data, '--out-dir', 'out']

    @staticmethod
    def content(folder):
        """Every file; archives of NumPy by what they hold."""
        found = files_of(folder / 'out')
        return {
            n: _arrays(x) if n[-4:] == '.npz' else x for n, x in found.items()
        }

    @staticmethod
    def check(folder, reference):
        """Every file is one of the files to be, and the tables last."""
        found = Study.content(folder)
        only_whole(found, reference)
        if 'study.csv' in found:
            assert sum(n.endswith('sync.json') for n in found) == 3
        done = [
            (any('evidence' in n for n in found), 'some signals'),
            (any('pairs' in n for n in found), 'signals, some evidence'),
            ('study.csv' in found, 'evidence, some answers'),
            ('study.html' in found, 'answers, some tables'),
            (False, 'all files'),
        ]
        return next(text for after, text in done if not after)

    @staticmethod
    def write(root):
        """Recordings of 12 s, and their videos under other names."""
        for number in range(3):
            streams = simulate_recording(number, 12.0, offset=0.5 * number)
            write_imu(root / f'imu/a{number}.safetensors', streams.imu)
            write_pose(root / f'pose/b{-number % 3}.safetensors', streams.pose)
        return root


def _arrays(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {n: (a.dtype.str, a.tobytes()) for n, a in arrays.items()}


def _refuse(message):
    raise AssertionError(message)


def files_of(folder):
    """Content of every file that a reader would look at, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and not path.name.endswith('.tmp')
    }


def only_whole(found, reference):
    """Refuse files that are not those of a run that nobody stopped."""
    wrong = [n for n, x in found.items() if x != reference.get(n)]
    assert not wrong, wrong


def equal(a, b):
    """Whether nested results are the same to the last bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def kill_often(job, folder, kills, seed):
    """Kill a job, check, go on; every second run is killed once more.

    Returns:
        A row of the table.
    """
    rng = np.random.default_rng(seed)
    start = time.monotonic()
    signals = getattr(job, 'signals', (signal.SIGKILL,))
    (folder / 'whole').mkdir(parents=True)
    _, num_files = run(job.command, folder / 'whole')
    seconds = time.monotonic() - start
    reference = job.content(folder / 'whole')
    done, states, runs = Counter(), Counter(), 0
    while done.total() < kills * len(signals):
        work = folder / f'run{runs}'
        work.mkdir()
        if hasattr(job, 'prepare'):
            job.prepare(work, reference)
        for _ in range(1 + runs % 2):
            number = signals[done.total() // kills % len(signals)]
            kill = number == signal.SIGKILL
            how = 'writing' if kill and not done.total() % 2 else 'any moment'
            plan = float(rng.uniform(0, seconds))
            if how == 'writing':
                moment = str(rng.choice(['during', 'after']))
                plan = (int(rng.integers(1, num_files + 1)), moment)
            try:
                run(job.command, work, plan, number)
            except KilledError:
                done[how] += 1
                states[job.check(work, reference)] += 1
        run(job.command, work)
        assert equal(job.content(work), reference), work
        shutil.rmtree(work)
        runs += 1
    return dict(
        job=job.name,
        kills=done.total(),
        while_writing=done['writing'],
        found=dict(sorted(states.items())),
        runs=runs,
        seconds=round(time.monotonic() - start),
    )


def write_utd_mhad(root, subjects=(1, 2, 3, 4), actions=(1, 2, 22), trials=2):
    """Random takes in the files of UTD-MHAD."""
    rng = np.random.default_rng(0)
    for folder in ('Inertial', 'Skeleton'):
        (root / folder).mkdir(parents=True)
    for action in actions:
        for subject in subjects:
            for trial in range(1, trials + 1):
                name = f'a{action}_s{subject}_t{trial}'
                walk = rng.normal(size=(20, 3, 81)).cumsum(axis=2) / 50
                walk += rng.uniform((-0.5, -1, 2.5), (0.5, 1, 3.5), (20, 3))[
                    ..., None
                ]
                sensor = rng.normal(size=(181, 6)).cumsum(axis=0) / 10
                path = root / 'Inertial' / f'{name}_inertial.mat'
                savemat(path, {'d_iner': sensor})
                path = root / 'Skeleton' / f'{name}_skeleton.mat'
                savemat(path, {'d_skel': walk})
    return root


def write_totalcapture(root):
    """A few seconds of three takes in the files of TotalCapture."""
    takes = [
        raw_totalcapture.make_take(subject, take, 2.5)
        for subject, take in ((1, 'acting1'), (4, 'freestyle1'), (5, 'rom3'))
    ]
    raw_totalcapture.write_dataset(
        root, takes, raw_totalcapture.make_cameras()
    )
    return root


def make_table(
    folder,
    kills,
    seed=0,
    conversions_only=False,
    study_only=False,
    training_only=False,
    signals_only=False,
):
    """Yield the rows of the table, one a job."""
    torch.set_num_threads(1)
    if not (conversions_only or training_only or study_only):
        (folder / 'c').mkdir()
        for number, job in enumerate(commands(folder / 'c')):
            yield kill_often(job, folder / f'c{number}', kills, seed)
    if signals_only:
        return
    if not (conversions_only or training_only):
        study = Study(Study.write(folder / 'study'))
        yield kill_often(study, folder / 's', kills, seed)
    if study_only:
        return
    utd = write_utd_mhad(folder / 'utd')
    if training_only:
        whole = folder / '0/whole'
        whole.mkdir(parents=True)
        run(Conversion('utd_mhad', utd).command, whole)
        yield kill_often(Training(whole / 'out'), folder / 't', kills, seed)
        return
    for number, job in enumerate(
        [
            Conversion('utd_mhad', utd),
            Conversion('totalcapture', write_totalcapture(folder / 'tc')),
        ]
    ):
        yield kill_often(job, folder / str(number), kills, seed)
    if conversions_only:
        return
    data = folder / '0/whole/out'
    yield kill_often(Training(data), folder / 't', kills, seed)
    last = folder / f't/whole/run/epoch_{EPOCHS}.pth'
    yield kill_often(Inference(data, last), folder / 'i', kills, seed)


HEADER = """\
| command | kills (of these while writing) | what was there | damaged files \
taken for whole | ended as never killed | seconds |
|---|---|---|---|---|---|"""


def format_row(row):
    """A row as Markdown; a loss would have ended the script."""
    found = ', '.join(f'{n}: {s}' for s, n in row['found'].items())
    return (
        f'| {row["job"]} | {row["kills"]} ({row["while_writing"]}) | {found} '
        f'| 0 | {row["runs"]} of {row["runs"]} runs | {row["seconds"]} |'
    )


def main():
    """Kill, and print the table; any loss ends it with an error."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--kills', type=int, default=30, help='of each job')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--conversions-only', action='store_true')
    parser.add_argument('--study-only', action='store_true')
    parser.add_argument('--training-only', action='store_true')
    parser.add_argument('--signals-only', action='store_true')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(HEADER, flush=True)
        for row in make_table(Path(folder), **vars(args)):
            print(format_row(row), flush=True)


if __name__ == '__main__':
    main()
