"""Every command and snippet of the pages runs, or it is said why not."""

import os
import re
from importlib.util import find_spec

import page_files
import pytest
from run_pages import PAGES, ROOT, alike, blocks, commands, run

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
ELSEWHERE = {
    'README.md': 'tests/test_docs_commands.py',
    'docs/inference.md': 'tests/test_docs_commands.py',
    'docs/extending.md': 'tests/test_docs_extending.py',
    'docs/training.md': 'tests/test_docs_training.py',
    'docs/recognition.md': 'tests/test_tools/test_mmaction_entry_scripts.py',
    'configs/recognition/README.md': 'tests/test_tools',
}
"""Pages with a test of their own; of README.md, what needs no video."""

NOT_RUN = {
    r'pip install': 'installs; .ci/run does, in a fresh environment',
    r'torchrun|dist_train|dist_test|slurm|sbatch': 'needs GPUs or a cluster: '
    'tests/test_dist.py runs two processes',
    r'convert (utd_mhad|mri|egohumans|totalcapture)|--utd-mhad|totalcapture/'
    r'|data/mri|subject\*': 'needs a data set: tests/test_tools',
    r'mobind (train|test)|tools/(train|test).py|leave_one|missing_sensors|'
    r'misc/(publish|check|update)': 'trains or needs a training: '
    'tests/test_tools/test_training_configs.py',
    r'benchmark|zero_shot|-m slow|mixed 40|st40': 'takes minutes',
    r'mobind (app|live)': 'runs until it is stopped: tests/test_app, test_lsl',
    r'rtmlib|estimator mmpose': 'needs another estimator: test_estimators',
    r'export (work|CONFIG)|import-weights': "takes the reader's checkpoint: "
    'tests/test_apis/test_exporting.py, test_official.py',
    r'mobind pose study/video': "needs the reader's videos: docs/video.md",
    r'mobind export --out mobind.onnx': 'takes a minute: test_exporting.py',
    r'\bDIR\b|package_dir|untrained|\[-': 'shows a form, not a command',
}
"""Why a command is not run here, by what it contains."""

SNIPPETS_NOT_RUN = {
    r'\.\.\.': 'the reader fills it in',
    r'onnxruntime|torch.export': 'tests/test_apis/test_exporting.py',
    r'my_captures|read_mmpose_people|_base_|answer\b': 'takes files of the '
    "reader, which the page's own tests write",
}
FILMED = {
    'README.md': {'FOLDER_OR_FILE': 'wrist.csv'},
    'docs/exports.md': {},
    'docs/start.md': {},
    'docs/video.md': {},
}
"""Pages that need a video in which the skeletons are estimated."""
FILES = {
    'docs/devices.md': page_files.devices,
    'docs/pose_tools.md': page_files.pose_tools,
    'docs/checking.md': page_files.data_set,
}
WORDS = {'docs/checking.md': {'FILE_OR_FOLDER': 'data/mine/imu'}}
ESTIMATES = all(map(find_spec, ('ai_edge_litert', 'av')))


def reason(code, table=NOT_RUN):
    return next(
        (why for key, why in table.items() if re.search(key, code)), ''
    )


def shells(name):
    """Blocks of a page with what is run of each."""
    for block in blocks(ROOT / name):
        if block.language not in ('bash', 'shell'):
            continue
        if not reason(block.code):
            yield block, block.code
            continue
        kept = [
            command
            for command in commands(block.code)
            if command.startswith('mobind') and not reason(command)
        ]
        if kept and not re.search(r'(?m)^for ', block.code):
            yield block, '\n'.join(kept)


def snippets(name):
    for block in blocks(ROOT / name):
        if block.language == 'python' and not reason(
            block.code, SNIPPETS_NOT_RUN
        ):
            yield block


def test_every_page_is_run():
    """No page with a command is left out, and no reason is idle."""
    text = ''
    for name in NAMES:
        text += ''.join(b.code for b in blocks(ROOT / name) if b.language)
        if list(shells(name)) and name not in ELSEWHERE:
            assert name in {**FILES, **FILMED, **OWN}, name
    for key in (*NOT_RUN, *SNIPPETS_NOT_RUN):
        assert re.search(key, text), key
    for name, where in ELSEWHERE.items():
        assert (ROOT / where).exists(), name


def checked(name, folder, words=None, installed=None):
    """Run what a page shows, and compare what it prints."""
    ran = 0
    for block, code in shells(name):
        for word, value in (words or {}).items():
            code = code.replace(word, value)
        done = run(code, folder, installed)
        # What a study leaves over is no failure of the command.
        fine = {0, 1} if '--study' in code else {0}
        assert done.returncode in fine, f'{code}\n{done.stdout}{done.stderr}'
        if block.printed is not None:
            assert alike(block.printed, done.stdout), (
                f'{code}\n{block.printed}\n!=\n{done.stdout}'
            )
        ran += 1
    assert ran


@pytest.mark.slow
@pytest.mark.parametrize('name', FILES)
def test_commands(name, tmp_path):
    FILES[name](tmp_path)
    checked(name, tmp_path, WORDS.get(name))


@pytest.fixture(scope='module')
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp('video') / 'example'


@pytest.mark.slow
@pytest.mark.skipif(not ESTIMATES, reason="needs pip install -e '.[pose]'")
@pytest.mark.parametrize('name', FILMED)
def test_commands_with_a_video(name, tmp_path, kept):
    page_files.filmed(tmp_path, kept)
    if name == 'docs/video.md':
        (tmp_path / 'videos').mkdir()
        os.link(tmp_path / 'take.mp4', tmp_path / 'videos/take.mp4')
    checked(name, tmp_path, FILMED[name])
    for path in tmp_path.glob('take.mediapipe.json'):
        path.replace(kept / path.name)


OWN = {
    'docs/export.md': 'writes a .pt2 file',
    'docs/own_data.md': 'simulates a study',
    'docs/study.md': 'simulates a study',
}
"""Pages that make all that they need."""


@pytest.mark.slow
@pytest.mark.parametrize('name', OWN)
def test_commands_that_need_nothing(name, tmp_path):
    checked(name, tmp_path)


@pytest.mark.parametrize(
    'name', [n for n in NAMES if n not in ELSEWHERE and list(snippets(n))]
)
def test_snippets(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name == 'docs/checking.md':
        page_files.data_set(tmp_path)
    known = page_files.names()
    for block in snippets(name):
        exec(block.code, known)
