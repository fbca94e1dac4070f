"""What a third attack found, on doors that were new or newly opened."""

import asyncio
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from mobind_mm.apis.exports import read_answer
from mobind_mm.apis.study_files import Options, find_sources, read_study_table
from mobind_mm.evaluation.embedding_table import FORMAT, read_embeddings
from mobind_mm.synchronization import LiveSynchronizer
from mobind_mm.utils.checkpoint import check_checkpoint, read_checkpoint
from mobind_mm.utils.cli import run_command

LINE = {'video_s': [0.0, 9.0], 'offset_s': [1.5, 1.5]}
ANSWER = {
    'offset_s': 1.5,
    'drift_ppm': 0.0,
    'abstained': False,
    'reason': '',
    'clock': LINE,
    'unknown': [[1.0, 2.0]],
    'jumps': [{'video_s': 5.0, 'seconds': 0.5}],
    'notes': ['one'],
}


def test_a_whole_answer(tmp_path):
    path = tmp_path / 'sync.json'
    path.write_text(json.dumps(ANSWER))
    assert read_answer(path) == ANSWER


@pytest.mark.parametrize(
    'change',
    [
        {'abstained': True},  # KeyError: why?
        {'abstained': 'no'},
        {'drift_ppm': 10**400},  # OverflowError
        {'clock': {**LINE, 'offset_s': [0, 10**400]}},
        {'clock': {**LINE, 'video_s': [9.0, 0.0]}},
        {'unknown': [[1, 'a']]},  # UFuncTypeError
        {'unknown': [[None, 2]]},
        {'jumps': [{'video_s': 'x', 'seconds': 1}]},
        {'sensor_clocks': {'head': {'clock': LINE}}},
        {'offset_s': 1e300},
        {'reason': 'odd'},
        {'notes': 5},
    ],
)
def test_odd_values_in_sync_json(tmp_path, change):
    path = tmp_path / 'sync.json'
    path.write_text(json.dumps({**ANSWER, **change}))
    with pytest.raises(ValueError, match=r'sync\.json is not what mobind'):
        read_answer(path)


TIMES, ACC = np.arange(5) / 100, np.ones((5, 3))
KEYPOINTS = np.ones((5, 17, 2))


@pytest.mark.parametrize(
    ('name', 'given'),
    [
        ('imu', (TIMES, None)),  # IndexError with the next chunk
        ('imu', ([10**400] * 5, ACC)),
        ('imu', (iter(TIMES), ACC)),
        ('imu', (TIMES * 1j, ACC)),
        ('imu', (['a'] * 5, ACC)),
        ('imu', ([1e300] * 5, ACC)),
        ('imu', (TIMES, [[{}] * 3] * 5)),
        ('imu', (TIMES, [[1, 2], [3]])),
        ('imu', (TIMES, ACC * 1j)),
        ('pose', (0.5, KEYPOINTS)),
        ('pose', (TIMES, KEYPOINTS, 0.5)),
        ('pose', (TIMES, KEYPOINTS, np.ones((5, 3)))),
        ('pose', (TIMES, [[None]])),
    ],
)
def test_chunks_that_are_none(name, given):
    live = LiveSynchronizer()
    with pytest.raises(ValueError, match='numbers|shape|times'):
        if name == 'imu':
            live.push_imu('head', *given)
        else:
            live.push_pose(*given)
    live.push_imu('head', TIMES, ACC)  # it goes on
    live.push_pose(TIMES, KEYPOINTS)
    assert live.state().reason == 'too short'


@pytest.mark.filterwarnings('error')
def test_samples_that_nothing_measures_are_missing():
    live = LiveSynchronizer()
    live.push_imu('head', TIMES, np.full((5, 3), 1e300))
    live.push_imu('head', TIMES + 0.05, np.full((5, 3), -np.inf))
    live.push_imu('head', TIMES + 0.1, ACC)
    acc = live.recording().imu['head'].channels['acc']
    assert np.isnan(acc[:10]).all() and (acc[10:] == 1).all()


@pytest.mark.parametrize(
    'options',
    [
        {'max_lag': 1e9},  # 1.5 TB
        {'max_lag': float('inf')},
        {'max_lag': None},
        {'max_offset': 1e9},
        {'around': float('nan')},
        {'window_sec': 'x'},
        {'every_sec': float('nan')},
        {'img_shape': (0, 5)},
        {'img_shape': ('a', 2)},
        {'img_shape': None},
        {'img_shape': 5},
        {'frame': 'moon'},
        {'layout': None},
        {'layout': 'x' * 5000},
    ],
)
def test_options_that_no_session_has(options):
    with pytest.raises(ValueError) as error:
        LiveSynchronizer(**options)
    assert len(str(error.value)) < 1000


def table(tmp_path, text):
    (tmp_path / 'a.csv').write_text('x')
    path = tmp_path / 't.csv'
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_study_table(path, Options())


def test_commas_at_the_end_move_no_cell(tmp_path):
    sources, _ = table(tmp_path, 'recording,video,fps\na.csv,,,,\n')
    assert [source.name for source in sources] == ['a.csv']  # it was lost
    sources, _ = table(tmp_path, '\ufeffrecording, video\r\n\r\na.csv\r\n')
    assert [source.name for source in sources] == ['a.csv']


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        ('recording,video\na.csv,,x\n', 'row 2 .*more cells'),
        ('recording,video,video\n', 'column twice'),
        ('recording,video\na\0b,\n', 'does not exist'),
        ('recording,video\n' + 'x' * 9000 + ',\n', 'does not exist'),
        ('recording,video,mapping\na.csv,,m.yml\n', 'does not exist'),
        ('recording,video,fps\n,,nan\n', 'not a number from'),
        ('recording,video,fps\n,,1e300\n', 'not a number from'),
        ('recording,video\n'.encode('utf-16'), 'not a table'),
        ('recording,video\n' + 'x' * 200_000, 'not a table'),
    ],
)
def test_cells_that_name_nothing(tmp_path, text, what):
    with pytest.raises((ValueError, FileNotFoundError), match=what) as error:
        table(tmp_path, text)
    assert 't.csv' in str(error.value)


def test_links_to_themselves_and_names_that_no_disk_has(tmp_path):
    (tmp_path / 'loop.csv').symlink_to('loop.csv')  # RuntimeError
    (tmp_path / 'm.yml').write_text('file: "a\\0b"\n')
    (tmp_path / 'n.yml').write_text('file: "\\ud800"\n')
    find_sources(tmp_path, Options())


def embeddings(path, arrays=(), **header):
    """A file of six windows with some parts changed."""
    rows, ones = 6, np.ones((6, 2), bool)
    x = np.random.default_rng(0).normal(size=(rows, 2, 4)).astype(np.float32)
    tokens = np.repeat(x[:, :, None], 3, axis=2)
    whole = {
        'imu_embedding': x,
        'pose_embedding': x,
        'imu_mask': ones,
        'pose_mask': ones,
        'action': np.arange(rows) % 2,
        'window_start': np.arange(rows, dtype=float),
        'window_sec': np.ones(rows),
        'imu_tokens': tokens,
        'pose_tokens': tokens,
        'pose_token_mask': np.ones((rows, 2, 3), bool),
        **dict(arrays),
    }
    header = {
        'format': FORMAT,
        'version': 1,
        'classes': ['a', 'b'],
        'role': ['query', 'gallery'] * 3,
        **dict.fromkeys(('take', 'subject'), ['x'] * rows),
        **dict.fromkeys(('scene', 'camera'), [None] * rows),
        **header,
    }
    whole = {k: v for k, v in whole.items() if v is not None}
    save_file(whole, path, {'header': json.dumps(header)})
    return read_embeddings(path)


def test_whole_embeddings(tmp_path):
    read, classes = embeddings(tmp_path / 'e.safetensors')
    assert classes == ['a', 'b'] and len(read['role']) == 6


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('window_start', np.zeros((6, 2))),  # TypeError
        ('window_sec', np.array(5.0)),
        ('action', np.array(1)),
        ('action', np.zeros(6)),
        ('action', np.full(6, 2)),
        ('action', np.full(6, -2)),
        ('imu_mask', np.array(True)),
        ('imu_embedding', np.zeros((6, 2, 4), int)),
        ('imu_tokens', np.zeros((6, 2, 4), np.float32)),
        ('pose_tokens', np.zeros((6, 2, 9, 4), np.float32)),
        ('pose_token_mask', None),
        ('pose_token_mask', np.ones((6, 2, 3), np.uint8)),
        ('other', np.array(1)),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, name, value):
    with pytest.raises(ValueError, match=rf'e\.safetensors.*{name}'):
        embeddings(tmp_path / 'e.safetensors', {name: value})


@pytest.mark.parametrize('odd', [[], {}, 0, False])
def test_names_that_are_none(tmp_path, odd):
    with pytest.raises(ValueError, match=r'safetensors: take has'):
        embeddings(tmp_path / 'e.safetensors', take=[odd] * 6)


def test_roles_that_are_none(tmp_path):
    with pytest.raises(ValueError, match=r"role has 'QUERY'"):
        embeddings(tmp_path / 'e.safetensors', role=['QUERY'] * 6)


def test_tensors_that_are_larger_than_their_file(tmp_path):
    path = tmp_path / 'a.pth'
    odd = torch.zeros(1).expand(10**6, 10**6)
    state = {'weight': torch.zeros(2, 2), 'bias': odd}
    itself = []
    itself.append(itself)
    torch.save({'state_dict': state, 'meta': {'x': itself}}, path)
    with pytest.raises(ValueError, match=r'a\.pth holds a tensor of shape'):
        read_checkpoint(str(path))
    state['bias'] = torch.zeros(2)
    torch.save({'state_dict': state, 'meta': {'x': itself}}, path)
    read_checkpoint(str(path))
    state['bias'] = torch.zeros(2, device='meta')
    torch.save({'state_dict': state}, path)
    with pytest.raises(ValueError, match=r'bias is a sparse'):
        check_checkpoint(torch.nn.Linear(2, 2), str(path))


def test_terminals_without_our_characters(monkeypatch):
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, 'ascii')
    monkeypatch.setattr(sys, 'stdout', terminal)
    run_command(lambda: print('m/s², 😀', flush=True))
    assert written.getvalue() == b'm/s\\xb2, \\U0001f600\n'


def test_a_reader_that_has_seen_enough(tmp_path):
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


def test_names_and_requests_of_the_app(tmp_path):
    """Names of hosts and files, and requests, at the doors of the app."""
    pytest.importorskip('starlette')
    from mobind_mm.app.requests import read_request
    from mobind_mm.app.server import _address
    from mobind_mm.app.sessions import Sessions, safe_name

    assert _address('//[::1') == _address('//[]') == (None, '')
    assert _address('//[::1]:7860') == ('::1', '[::1]:7860')
    for name in ('漢' * 200 + '.csv', 'a' * 300 + '.csv'):  # OSError
        short = str(safe_name(name))
        assert len(short.encode()) <= 150 and short.endswith('.csv')
    opened = Sessions()
    session = opened.open()

    def read(what, request):
        body = json.dumps(request).encode()
        return read_request(what, body, lambda n: f'in/{n}')

    asked = {'sensors': [{'name': 'a', 'mapping': None}], 'pose': None}
    assert read('sync', asked) == {'sensors': [{'name': 'in/a'}]}
    for what, request, place in (
        ('sync', {'pose': {'name': 'p'}}, 'sensors: Field required'),
        ('sync', {**asked, 'around': float('nan')}, 'around'),
        ('sync', {**asked, 'pose': {'rate': 0}}, r'pose\.rate'),
        ('sync', {**asked, 'pose': {'file': '/etc/passwd'}}, r'pose\.file'),
        ('inspect', {'name': 5}, 'name'),
        ('export', {'names': 'csv', 'request': asked}, 'names'),
    ):
        with pytest.raises(ValueError, match=place):
            read(what, request)
    assert isinstance(session.uploads, asyncio.Lock)
    opened.close_all()
