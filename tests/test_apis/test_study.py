"""Recordings find their videos, and a second run takes up what is there."""

import csv
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from json_mutations import mutations

from mobind_mm.apis.study import signals as study_signals
from mobind_mm.apis.study.files import (
    Options,
    Source,
    find_sources,
    read_study_table,
)
from mobind_mm.apis.study.matching import _confirmed, _Table, run_study
from mobind_mm.apis.study.pairs import Settings, compare
from mobind_mm.apis.study.report import describe_study, write_report
from mobind_mm.apis.study.signals import Prepared, prepare
from mobind_mm.datasets.synthetic.example import mmpose_frames
from mobind_mm.readers.files import write_imu_table
from mobind_mm.recordings import Clock, write_imu, write_pose
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.utils.files import write_whole

OFFSETS = {0: 0.8, 1: -2.3, 2: 31.0}


def write_study(root):
    """Three pairs, a recording and a video alone, and a stray file."""
    for number in range(4):
        recording = simulate_recording(
            number, 14.0, offset=OFFSETS.get(number, 0.0)
        )
        path = root / f'imu/r{number}.safetensors'
        if number == 2:  # a table, with our names of columns
            path = path.with_suffix('.csv')
            times = recording.imu['right_wrist'].clock.at()
            write_imu_table(path, recording.imu, times)
        else:
            write_imu(path, recording.imu)
        if number == 3:
            recording = simulate_recording(9, 14.0)
        if number == 1:  # two people, of whom the second wears the sensor
            path = root / f'pose/v{number}.json'
            path.parent.mkdir(parents=True, exist_ok=True)
            both = [simulate_recording(8, 14.0).pose, recording.pose]
            both[0] = moved_away(both[0])
            path.write_text(json.dumps(mmpose_frames(both)))
        else:
            write_pose(root / f'pose/v{number}.safetensors', recording.pose)
    (root / 'notes.txt').write_text('Anna was ill.')
    return root


def moved_away(pose):
    keypoints = np.where(
        pose.scores[..., None] > 0, pose.keypoints - [600.0, 0.0], 0
    )
    return type(pose)(
        pose.clock,
        keypoints.astype(np.float32),
        pose.scores,
        pose.layout,
        pose.img_shape,
    )


OPTIONS = Options(rate=30.0, img_shape=(1080, 1920))


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    """A study, its result, and where that is."""
    folder = tmp_path_factory.mktemp('study')
    write_study(folder / 'data')
    study = run_study(find_sources(folder / 'data', OPTIONS), folder / 'out')
    return folder, study, write_report(study, folder / 'out')


@pytest.fixture
def copy(done, tmp_path):
    """The same, to be changed."""
    shutil.copytree(done[0], tmp_path / 'copy')
    return tmp_path / 'copy'


def again(folder, **options):
    sources = find_sources(folder / 'data', OPTIONS)
    return run_study(sources, folder / 'out', **options)


def found(study):
    return {
        (row['recording'], row['video']): row
        for row in study.rows
        if row['recording'] and row['video']
    }


def test_recordings_find_their_videos(done):
    _, study, _ = done
    pairs = found(study)
    names = {
        ('imu/r0.safetensors', 'pose/v0.safetensors'): 0,
        ('imu/r1.safetensors', 'pose/v1.json'): 1,
        ('imu/r2.csv', 'pose/v2.safetensors'): 2,
    }
    assert pairs.keys() == names.keys()
    for name, number in names.items():
        row = pairs[name]
        assert row['state'] == 'sure', row
        assert row['offset_s'] == pytest.approx(OFFSETS[number], abs=0.02)
        assert row['confidence'] > 0.9 and row['offset_confidence'] > 0.7
    # Not who is seen first: the one who wears it.
    assert pairs['imu/r1.safetensors', 'pose/v1.json']['person'] == 'person 1'


def test_an_offset_that_is_sure_makes_a_pair():
    """Of movements that repeat themselves, a quick look is never sure."""
    recordings = [
        Prepared(Source(f'r{i}', Path(f'r{i}.csv')), 'imu', seconds=30.0)
        for i in range(3)
    ]
    video = replace(
        Prepared(Source('v', Path('v.json')), 'pose', seconds=30.0),
        members=('person 0', 'person 1'),
    )
    people = [(video, person) for person in video.members]
    odds = np.array([[-2.0, -3.0], [-2.5, -1.5], [-4.0, -4.0]])
    table = _Table(recordings, [video], people, odds)
    assert not table.pairs()
    # The best of each recording and the best of each video are asked.
    asked = table.likely()
    assert asked.keys() == {(0, 0), (1, 1), (2, 0), (2, 1)}
    assert asked[1, 1].folder != asked[0, 0].folder
    sure = {'confidence': 0.98, 'abstained': False}
    answers = {k: {**sure, 'abstained': k[0] == 2} for k in asked}
    changed = _confirmed(odds, answers)
    assert (changed[2] == odds[2]).all() and odds[0, 0] == -2.0
    table = _Table(recordings, [video], people, changed)
    assert table.pairs().keys() == {(0, 0), (1, 1)}
    offset = dict.fromkeys(('offset_s', 'at_video_s', 'drift_ppm'), 0.0)
    rows = [*table.rows({k: {**v, **offset} for k, v in answers.items()}, ())]
    assert [row['state'] for row in rows] == ['sure', 'sure', 'left over']
    # Who wears other sensors in the same video is no rival.
    assert not any(row['reason'] for row in rows[:2])
    assert rows[2]['confidence'] > 0.9
    # It may belong to somebody who is seen for a moment.
    brief = replace(video, source=Source('w', Path('w.json')), seconds=8.0)
    people.append((brief, 'person 0'))
    table = _Table(
        recordings, [video, brief], people, np.c_[changed, [-5.0] * 3]
    )
    rows = [*table.rows({k: {**v, **offset} for k, v in answers.items()}, ())]
    assert [row['confidence'] for row in rows[2:]] == [None, None]
    assert rows[2]['reason'].endswith('too short to tell: w (8.0 s)')


def test_somebody_is_seen_for_as_long_as_the_frames_show_it():
    pose = simulate_recording(1, 2.0).pose
    scores = np.ones(pose.scores.shape, np.float32)
    scores[15:] = 0
    brief = replace(pose, scores=scores)
    assert study_signals._seen_sec(brief) == pytest.approx(0.5, abs=0.02)
    one = replace(
        pose,
        clock=Clock(1, times=np.zeros(1)),
        keypoints=pose.keypoints[:1],
        scores=scores[:1],
    )
    assert study_signals._seen_sec(one) == 0


@pytest.mark.parametrize('telling', [20.0, 10.0])
def test_leftovers_are_named_with_the_reason(copy, telling, monkeypatch):
    monkeypatch.setattr('mobind_mm.apis.study.matching.TELLING_SEC', telling)
    study = again(copy)
    left = [row for row in study.rows if row['state'] == 'left over']
    names = [row['recording'] or row['video'] for row in left]
    assert names == ['imu/r3.safetensors', 'pose/v3.safetensors']
    for row in left:  # of 14 s
        short = 'too short to tell' in row['reason']
        assert short == (row['confidence'] is None) == (telling == 20.0)
        assert short or row['confidence'] > 0.8
    assert not study.is_certain
    assert [p.name for p in study.others] == ['notes.txt']


def test_tables_and_page(done):
    folder, study, files = done
    with files[0].open(encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert [row['state'] for row in rows] == [r['state'] for r in study.rows]
    assert float(rows[0]['offset_s']) == pytest.approx(
        study.rows[0]['offset_s'], abs=1e-4
    )
    page = files[2].read_text(encoding='utf-8')
    assert page.count('<img src="data:image/png;base64,') == 4
    assert '://' not in page  # nothing else is needed
    answer = json.loads(
        (folder / 'out' / rows[0]['folder'] / 'sync.json').read_text()
    )
    assert answer['offset_s'] == study.rows[0]['offset_s']
    assert answer.keys() >= {'clock', 'sensor_clocks', 'searched', 'notes'}
    lines = list(describe_study(study))
    assert lines[-1] == (
        '4 recordings, 4 videos: 3 sure pairs, 0 doubtful, 2 left over'
    )


def test_nothing_is_done_twice(copy, done, monkeypatch):
    monkeypatch.setattr(Source, 'read', None)  # is not called
    study = again(copy)
    assert study.rows == done[1].rows


def test_a_changed_file_is_compared_again(copy, monkeypatch):
    read = []
    plain = Source.read
    monkeypatch.setattr(
        Source, 'read', lambda s: read.append(s.name) or plain(s)
    )
    recording = simulate_recording(3, 14.0, offset=1.5)
    write_pose(copy / 'data/pose/v3.safetensors', recording.pose)
    study = again(copy)
    assert read == ['pose/v3.safetensors']
    assert study.is_certain
    row = found(study)['imu/r3.safetensors', 'pose/v3.safetensors']
    assert row['offset_s'] == pytest.approx(0.0, abs=0.02)


def test_what_is_damaged_is_made_again(copy, done):
    out = copy / 'out'
    for kind in ('signals/imu_r0*', 'streams/pose_v3*', 'evidence/imu_r1*'):
        (path,) = out.glob(kind)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (out / done[1].rows[0]['folder'] / 'sync.json').write_text('{')
    assert again(copy).rows == done[1].rows


def test_shards_make_what_one_run_makes(done, tmp_path):
    folder, _, _ = done
    sources = find_sources(folder / 'data', OPTIONS)
    for made in ('signals', 'streams'):
        shutil.copytree(folder / 'out' / made, tmp_path / made)
    for number in (2, 1):
        assert run_study(sources, tmp_path, shard=(number, 2)) is None
    files = [
        {p.name: p.read_bytes() for p in (at / 'evidence').iterdir()}
        for at in (folder / 'out', tmp_path)
    ]
    assert files[0] == files[1] and len(files[0]) == 4


def test_a_bad_file_does_not_end_a_study(copy):
    path = copy / 'data/imu/bad.safetensors'
    path.write_bytes(b'\0' * 99)
    os.rename(copy / 'data/imu/r3.safetensors', copy / 'data/imu/r9.txt')
    study = again(copy)
    row = study.rows[-1]
    assert row['recording'] == 'imu/bad.safetensors', study.rows
    assert row['state'] == 'left over' and 'bad.safetensors' in row['reason']
    assert len(found(study)) == 3


def test_a_file_of_years_does_not_end_a_study(copy, monkeypatch):
    """Its clock was set: MemoryError, for all."""
    recording = simulate_recording(3, 14.0)
    for kind, write in (('imu', write_imu), ('pose', write_pose)):
        write(copy / f'data/{kind}/odd.safetensors', late(recording, kind))
    found_again = again(copy)
    for row in found_again.rows[-2:]:
        name = row['recording'] or row['video']
        assert f'{name} has times from 0 to 1.7e+09 s' in row['reason']
    assert len(found(found_again)) == 3

    def full(*_):
        raise MemoryError

    for kind in ('imu', 'pose'):
        (copy / f'data/{kind}/odd.safetensors').unlink()
    write_imu(copy / 'data/imu/big.safetensors', recording.imu)
    monkeypatch.setattr(study_signals, 'sensor_signals', full)
    rows = [r for r in again(copy).rows if r['recording']]
    assert rows[-1]['recording'] == 'imu/big.safetensors'
    assert 'more memory' in rows[-1]['reason'] and len(rows) == 5


def late(recording, kind):
    """Half of a stream, decades after the other."""

    def changed(stream):
        times = stream.clock.at() - stream.clock.span[0]
        times[len(times) // 2 :] += 1.7e9
        return replace(stream, clock=Clock(len(times), times=times))

    if kind == 'pose':
        return changed(recording.pose)
    return {name: changed(x) for name, x in recording.imu.items()}


def test_a_sensor_at_an_unknown_place_is_left_over(copy):
    stream = simulate_recording(3, 14.0).imu['right_wrist']
    times = stream.clock.at()
    path = copy / 'data/imu/r3.csv'
    write_imu_table(path, {'D422': stream}, times)
    (copy / 'data/imu/r3.safetensors').unlink()
    (row,) = (r for r in again(copy).rows if r['recording'] == 'imu/r3.csv')
    assert row['state'] == 'left over' and '--placement' in row['reason']


def test_known_pairs_are_kept(done, tmp_path):
    folder, _, _ = done
    shutil.copytree(folder / 'data', tmp_path / 'data')
    table = tmp_path / 'data/study.csv'
    table.write_text(
        'recording,video,known,placement\n'
        'imu/r0.safetensors,pose/v3.safetensors,yes,\n'
        'imu/r1.safetensors,pose/v0.safetensors,,\n'
    )
    sources, known = read_study_table(table, OPTIONS)
    assert [s.name for s in sources] == [
        *('imu/r0.safetensors', 'pose/v3.safetensors'),
        *('imu/r1.safetensors', 'pose/v0.safetensors'),
    ]
    study = run_study(sources, tmp_path / 'out', known)
    row = found(study)['imu/r0.safetensors', 'pose/v3.safetensors']
    # It is wrong, and the offset says so.
    assert row['state'] == 'doubtful' and row['confidence'] == 1.0
    assert 'the offset is refused' in row['reason']
    left = [r['recording'] or r['video'] for r in study.rows[1:]]
    assert left == ['imu/r1.safetensors', 'pose/v0.safetensors']


def test_a_sure_pair_says_that_its_clock_jumps(tmp_path):
    recording = simulate_recording(5, 42.0, offset=0.4)
    stream = recording.imu['right_wrist']
    times = stream.clock.at()
    moved = stream.at_times(times + 2.0 * (times > 21.4))
    write_imu(tmp_path / 'data/r.safetensors', {'right_wrist': moved})
    write_pose(tmp_path / 'data/v.safetensors', recording.pose)
    sources = find_sources(tmp_path / 'data', OPTIONS)
    names = [source.name for source in sources]
    study = run_study(sources, tmp_path / 'out', [tuple(names)])
    (row,) = study.rows
    assert row['state'] == 'sure'
    assert row['offset_s'] == pytest.approx(0.4, abs=0.02)
    assert 'clock of the sensors was set forward' in row['reason']


def test_sides_of_two_folders(done, tmp_path):
    folder, _, _ = done
    sources = find_sources(folder / 'data/imu', OPTIONS, 'pose')
    with pytest.raises(ValueError, match='holds sensors, not people'):
        sources[0].read()
    with pytest.raises(ValueError, match='No recording of the 4 files'):
        run_study(sources, tmp_path)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        find_sources(folder / 'nowhere', OPTIONS)


def test_a_recording_and_a_video_of_one_name(tmp_path):
    """KeyError: one had the signals of the other."""
    for number in range(2):
        streams = simulate_recording(number, 12.0, offset=0.5)
        write_imu(tmp_path / f'a/t{number}.safetensors', streams.imu)
        write_pose(tmp_path / f'b/t{number}.safetensors', streams.pose)
    sources = [
        *find_sources(tmp_path / 'a', OPTIONS, 'imu'),
        *find_sources(tmp_path / 'b', OPTIONS, 'pose'),
    ]
    rows = run_study(sources, tmp_path / 'out').rows
    assert [row['state'] for row in rows] == ['sure'] * 2, rows
    assert all(row['recording'] == row['video'] for row in rows)


def test_results_are_no_files_of_a_study(done):
    folder, _, _ = done
    before = [source.path for source in find_sources(folder, OPTIONS)]
    assert len(before) == 9  # not those below out
    with pytest.raises(ValueError, match='give another --out-dir'):
        find_sources(folder / 'data', OPTIONS, skip=[folder])


def test_settings_are_part_of_a_result(copy, done):
    study = again(copy, settings=Settings(max_offset=5.0))
    pairs = found(study)
    assert ('imu/r2.csv', 'pose/v2.safetensors') not in pairs
    assert len(pairs) == 2


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'is empty'),
        ('recording\na\n', "no column 'video'"),
        ('recording,video,fsp\n', 'fsp'),
        ('recording,video,fps\nt.csv,,x\n', 'not a number'),
        ('recording,video,known\nt.csv,,yes\n', 'is missing'),
        ('recording,video\nt.csv,t.csv\n', 'a recording and a video'),
    ],
)
def test_mistakes_in_a_table(tmp_path, text, message):
    path = tmp_path / 't.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_study_table(path, OPTIONS)
    assert 't.csv' in str(error.value)


def test_a_video_is_named_by_its_poses(tmp_path):
    for name in ('a.mp4', 'a.mediapipe.json', 'b.mp4', 'c.csv', 'c.yml'):
        (tmp_path / name).write_text('')
    (tmp_path / 'd.yml').write_text('imu: {head: {file: d.csv}}')
    (tmp_path / 'd.csv').write_text('')
    sources = {s.name: s for s in find_sources(tmp_path, OPTIONS)}
    assert [*sources] == ['a.mediapipe.json', 'b.mp4', 'c.csv', 'd.yml']
    assert sources['a.mediapipe.json'].video == tmp_path / 'a.mp4'
    assert sources['c.csv'].options.mapping == str(tmp_path / 'c.yml')


@pytest.mark.slow
def test_forty_recordings_and_forty_videos(tmp_path):
    from mobind_mm.datasets.synthetic.mixed_study import write_mixed_study

    truth = write_mixed_study(tmp_path / 'data', 36, 4, 4, seed=7)
    study = run_study(
        find_sources(tmp_path / 'data', OPTIONS), tmp_path / 'out'
    )
    with truth.open() as file:
        rows = [row for row in csv.DictReader(file) if row['recording']]
    pairs = {row['recording']: row for row in study.rows if row['recording']}
    right = [
        (pairs[row['recording']]['video'] or '') == row['video']
        for row in rows
    ]
    assert np.mean(right) >= 0.99
    for row in rows:
        answer = pairs[row['recording']]
        if row['video'] and answer['state'] == 'sure':
            truth = float(row['offset_s'])
            assert answer['offset_s'] == pytest.approx(truth, abs=0.1)
            assert answer['person'] == f'person {row["person"]}'
    lonely = [r for r in study.rows if r['state'] == 'left over']
    assert len(lonely) == 8


@pytest.fixture(scope='module')
def study(tmp_path_factory):
    """Sources of a recording and a video, and a folder of results."""
    root = tmp_path_factory.mktemp('study')
    streams = simulate_recording(0, 12.0, offset=0.5)
    write_imu(root / 'in/a.safetensors', streams.imu)
    write_pose(root / 'in/b.safetensors', streams.pose)
    return find_sources(root / 'in', Options()), root / 'out'


def test_a_study_makes_anew_what_is_damaged(study):
    (one, two), out = study
    settings = Settings(max_offset=2.0)

    def run():
        prepared = [prepare(source, out) for source in (one, two)]
        assert not any(p.problem for p in prepared)
        return compare(prepared[0], prepared[1:], out, settings)

    right = run()
    (evidence,) = out.glob('evidence/*.json')
    text = evidence.read_text()
    known = json.loads(text)
    odd = [[], {**known, 'videos': [1]}, {**known, 'videos': {'b': 5}}]
    for copy in [*odd, *mutations(known, 0, 40)]:
        evidence.write_text(json.dumps(copy))
        again = run()
        assert again.keys() == right.keys()
        evidence.write_text(text)
    for path in out.glob('signals/*.npz'):
        content = path.read_bytes()
        for at in range(20, len(content), len(content) // 8):
            damaged = bytearray(content)
            damaged[at] ^= 255
            path.write_bytes(damaged)
            assert run() == right
        with np.load(path) as arrays:
            facts = json.loads(str(arrays['facts']))
        for copy in [5, [], {}, {**facts, 'members': 3}, {**facts, 'x': 1}]:
            np.savez(path, facts=np.array(json.dumps(copy)))
            assert run() == right


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


@pytest.mark.skipif(sys.platform != 'linux', reason='names of any bytes')
def test_names_that_are_not_unicode(tmp_path):
    from mobind_mm.apis.study.files import Options, find_sources

    folder = os.fsencode(tmp_path)
    with open(os.path.join(folder, b'\xe9\n.csv'), 'w') as file:
        file.write('time,x\n0,1\n')
    (source,) = find_sources(tmp_path, Options())
    assert source.name == r'\udce9\n.csv' and source.slug  # UnicodeEncodeError
    assert source.path.is_file()
    write_whole(tmp_path / 'notes.txt', str(source.path))
    assert r'\udce9' in (tmp_path / 'notes.txt').read_text()
