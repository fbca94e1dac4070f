"""What a fourth attack found: interruption, places, mappings, bombs."""

import json
import os
import signal
import subprocess
import sys
import zipfile

import pytest

from mobind_mm.apis.sources import to_imu
from mobind_mm.apis.takes import data_set_takes
from mobind_mm.cli.models import COMMANDS
from mobind_mm.evaluation.archive_files import FORMAT, VERSION, read_facts
from mobind_mm.readers import recognize
from mobind_mm.readers.archives import open_file
from mobind_mm.readers.own_takes import find_fields
from mobind_mm.readers.tables import _read_parquet as read_parquet
from mobind_mm.utils.errors import mistake
from mobind_mm.utils.files import INPUTS, write_whole
from mobind_mm.utils.processes import sigint_blocked

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


@pytest.mark.skipif(os.name != 'posix', reason='signals of POSIX')
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


@pytest.mark.skipif(os.name != 'posix', reason='signals of POSIX')
def test_children_leave_ctrl_c_to_their_parent():
    code = 'import signal; print(signal.pthread_sigmask(0, []))'
    with sigint_blocked():
        said = subprocess.check_output([sys.executable, '-c', code], text=True)
    assert 'SIGINT' in said
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


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


def frames(count):
    person = {'keypoints': [[5.0, 6.0]] * 17, 'keypoint_scores': [0.9] * 17}
    return [{'frame_id': n, 'instances': [person]} for n in range(count)]


def test_a_folder_of_videos_is_no_folder_of_frames(tmp_path):
    for name in ('v01', 'v02'):
        (tmp_path / f'{name}.json').write_text(
            json.dumps({'instance_info': frames(3)})
        )
    assert recognize(tmp_path) is None  # OpenPose: mobind sync --study failed
    for name in ('v01', 'v02'):
        people = frames(1)[0]['instances']
        (tmp_path / f'{name}.json').write_text(json.dumps(people))
    assert recognize(tmp_path).name == 'openpose'


TABLE = 'time,x,y,z\n' + ''.join(f'{n / 50},0,0,9.81\n' for n in range(100))


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ('    epoch: .inf\n', r'm\.yml: .*epoch'),  # a warning of NumPy
        ('    epoch: .nan\n', r'm\.yml: .*epoch'),
        ('    start_s: {a: 1}\n', r'm\.yml: .*start_s'),
    ],
)
def test_values_of_a_mapping(tmp_path, changes, said):
    (tmp_path / 'a.csv').write_text(TABLE)
    mapping = tmp_path / 'm.yml'
    mapping.write_text(MAPPING.replace('    units', f'{changes}    units'))
    with pytest.raises(ValueError, match=said):
        to_imu({'file': tmp_path / 'a.csv', 'mapping': str(mapping)})


MAPPING = """
imu:
  left_wrist:
    columns: {time: time, acc: [x, y, z]}
    units: {time: s, acc: m/s2}
    gravity: included
    frame: sensor
"""


@pytest.mark.parametrize(
    'old, new',
    [('left_wrist', 'x' * 900), ('time: time', 'time: ' + 'x' * 5000)],
)
def test_names_that_fill_a_screen(tmp_path, old, new):
    (tmp_path / 'a.csv').write_text(TABLE)
    mapping = tmp_path / 'm.yml'
    mapping.write_text(MAPPING.replace(old, new))
    with pytest.raises(ValueError) as error:
        to_imu({'file': tmp_path / 'a.csv', 'mapping': str(mapping)})
    assert len(str(error.value)) < 2100 and 'a.csv' in str(error.value)


def test_a_placeholder_has_a_name(tmp_path):
    with pytest.raises(ValueError, match='has no placeholder'):
        find_fields(tmp_path, 'raw/{0}.csv', 'a.yml: pattern')  # re.error


def test_a_message_fits_on_a_screen():
    assert len(str(mistake('a.csv', 'is odd', 'x' * 10_000))) < 2100


def test_sensors_for_an_archive_are_placed(tmp_path, command):
    path = tmp_path / 'gone.csv'
    words = 'index', 'build', tmp_path / 'a', path
    status, _, said = command('mobind', *words)
    assert status == 2 and 'gone.csv' in said  # AttributeError: no placement


@pytest.mark.skipif(sys.platform != 'linux', reason='names of any bytes')
def test_names_that_are_not_unicode(tmp_path):
    from mobind_mm.apis.study_files import Options, find_sources

    folder = os.fsencode(tmp_path)
    with open(os.path.join(folder, b'\xe9\n.csv'), 'w') as file:
        file.write(TABLE)
    (source,) = find_sources(tmp_path, Options())
    assert source.name == r'\udce9\n.csv' and source.slug  # UnicodeEncodeError
    assert source.path.is_file()
    write_whole(tmp_path / 'notes.txt', str(source.path))
    assert r'\udce9' in (tmp_path / 'notes.txt').read_text()


def test_a_text_of_parquet_is_held_once(tmp_path):
    pyarrow = pytest.importorskip('pyarrow')
    from pyarrow import parquet

    path = tmp_path / 'a.parquet'
    texts = ['x' * 1000, None, ' b ', 'x' * 1000]
    table = {'t': texts, 'k': pyarrow.array(texts).dictionary_encode()}
    parquet.write_table(pyarrow.table(table), path)
    for values in read_parquet(path, ['t', 'k'])[1].values():
        assert values.tolist() == ['x' * 1000, '', 'b', 'x' * 1000]
        assert values[0] is values[3]  # 2 GB of a file of 200 kB


@pytest.mark.parametrize('entry', [1, {}, {'take': 3}, {'take': 'a'}])
def test_entries_are_checked_wherever_they_are_read(tmp_path, entry):
    path = tmp_path / 'annotations' / 'train.json'
    path.parent.mkdir()
    path.write_text(json.dumps({'metainfo': {}, 'data_list': [entry]}))
    with pytest.raises(ValueError, match=r'train\.json: entry 0'):
        data_set_takes(tmp_path)  # TypeError, KeyError


@pytest.mark.parametrize('method', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_of_which_python_unpacks_all_at_once(tmp_path, method):
    path = tmp_path / 'a.zip'
    with zipfile.ZipFile(path, 'w', method) as archive:
        archive.writestr('Accelerometer.csv', '0' * 1000)
    with pytest.raises(ValueError, match='another method than Deflate'):
        open_file(path / 'Accelerometer.csv', 10)  # all of it: 1.1 GB, 75 s
    assert recognize(path) is None


def test_rows_that_no_archive_has(tmp_path):
    facts = dict(
        **dict(format=FORMAT, version=VERSION, modality='pose', model=''),
        **dict(width=[4], training=None, lists=[]),
        shards=[{'name': 'a', 'rows': 1 << 63}],
    )
    (tmp_path / 'archive.json').write_text(json.dumps(facts))
    with pytest.raises(ValueError, match='is damaged'):
        read_facts(tmp_path)  # OverflowError, later
