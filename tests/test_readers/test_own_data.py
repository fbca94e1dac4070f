"""Mappings of own recordings: from the YAML to a data set directory."""

import json

import numpy as np
import pytest
from raw_tables import (
    SENSOR,
    mmpose_frames,
    people,
    pose_columns,
    sensor_columns,
    times_of,
    write_csv,
    write_mapping,
    write_skeletons,
)

from mobind_mm.checks import check_data_set
from mobind_mm.checks.report import notes_in
from mobind_mm.datasets import IMUPoseDataset
from mobind_mm.readers.convert import convert as convert_reader
from mobind_mm.readers.convert import convert_all
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.readers.own_takes import find_fields
from mobind_mm.recordings import (
    read_annotations,
    read_imu,
    read_pose,
    write_imu,
    write_pose,
)

SHARED = {k: v for k, v in SENSOR.items() if k != 'file'}
POSE = {
    'file': 'pose/{take}.json',
    'format': 'mmpose',
    'img_shape': [720, 1280],
    'rate': 30,
}


@pytest.fixture(scope='module')
def made():
    """Takes of three people alone, without errors."""
    return dict(zip(('p1_walk', 'p2_walk', 'p3_jump'), people(num=3)))


def write_raw(root, made):
    """Files of each take; the video starts at second 0 of its clock."""
    for take, recording in made.items():
        start = float(times_of(recording.pose)[0])
        for placement in ('left_wrist', 'head'):
            stream = recording.imu[placement]
            write_csv(
                root / f'imu/{take}_{placement}.csv',
                sensor_columns(stream, start=start),
            )
        path = root / f'pose/{take}.json'
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(mmpose_frames(recording.pose, first=1)))
    return root


def mapping(made, **changes):
    img_shape = next(iter(made.values())).pose.img_shape
    content = {
        'name': 'lab',
        'root': 'raw',
        'split': {'by': 'subject', 'train': ['p1', 'p3'], 'test': ['p2']},
        'defaults': {
            'sensor': SHARED,
            'imu': {
                'left_wrist': {'file': 'imu/{take}_left_wrist.csv'},
                'head': {'file': 'imu/{take}_head.csv'},
            },
            'pose': {**POSE, 'img_shape': list(img_shape)},
        },
        'takes': [
            {'take': take, 'subject': take[:2], 'label': take[3:]}
            for take in made
        ],
    }
    content.update(changes)
    return {k: v for k, v in content.items() if v is not None}


def convert(tmp_path, content, **kwargs):
    path = write_mapping(tmp_path / 'lab.yml', content)
    done = convert_reader(OwnDataReader(path), tmp_path / 'dst', **kwargs)
    return done.entries, done.notes


def check_recordings(dst, made):
    for take, recording in made.items():
        start = float(times_of(recording.pose)[0])
        found = read_imu(dst / f'imu/{take}.safetensors')
        assert set(found) == {'left_wrist', 'head'}
        for placement, stream in found.items():
            expected = recording.imu[placement]
            np.testing.assert_allclose(
                times_of(stream) + start, times_of(expected), atol=1e-9
            )
            for name, values in expected.channels.items():
                np.testing.assert_allclose(
                    stream.channels[name][:], values[:], 1e-5, 1e-6
                )
        pose = read_pose(dst / f'pose/{take}.safetensors')
        assert (pose.clock.rate, pose.clock.start) == (30, 0)
        np.testing.assert_allclose(
            pose.keypoints[:], recording.pose.keypoints[:], atol=1e-3
        )


def entries_of(dst, split):
    return read_annotations(dst / f'annotations/{split}.json')


@pytest.mark.parametrize(
    'workers', [1, pytest.param(2, marks=pytest.mark.slow)]
)
def test_takes_with_defaults(made, tmp_path, workers):
    if workers > 1:  # starting processes takes seconds
        made = dict(list(made.items())[:2])
    content = mapping(made)
    content['defaults']['pose']['layout'] = 'coco'  # which is no guess then
    if workers > 1:
        content['split'] = {'by': 'take', 'train': [*made]}
    write_raw(tmp_path / 'raw', made)
    counts, notes = convert(tmp_path, content, workers=workers)
    assert not notes
    check_recordings(tmp_path / 'dst', made)
    if workers > 1:
        assert counts == {'train': 2, 'val': 0, 'test': 0}
        return
    assert counts == {'train': 2, 'val': 0, 'test': 1}
    metainfo, entries = entries_of(tmp_path / 'dst', 'train')
    assert metainfo['classes'] == ['jump', 'walk']
    assert (metainfo['dataset_name'], metainfo['skeleton']) == ('lab', 'coco')
    labels = {e['take']: e['segments'][0]['label'] for e in entries}
    assert labels == {'p1_walk': 1, 'p3_jump': 0}
    (entry,) = entries_of(tmp_path / 'dst', 'test')[1]
    assert (entry['take'], entry['subject']) == ('p2_walk', 'p2')
    assert (entry['scene'], entry['camera']) == ('p2_walk', None)
    # The video begins at 0 and the sensors a few milliseconds about it.
    assert 0 <= entry['start_s'] < 0.04
    assert entry['end_s'] == pytest.approx(6, abs=0.05)
    dataset = IMUPoseDataset(
        'annotations/test.json', str(tmp_path / 'dst'), 2.0, 1.0
    )
    assert [dataset.get_data_info(i)['action'] for i in range(4)] == [1] * 4


def test_pattern_gives_the_same(made, tmp_path):
    """Names, subjects and labels from the names of the files."""
    write_raw(tmp_path / 'raw', made)
    convert(tmp_path, mapping(made))
    expected = {
        path.name: path.read_text()
        for path in (tmp_path / 'dst/annotations').iterdir()
    }
    content = mapping(
        made, takes=None, pattern='imu/{subject}_{action}_left_wrist.csv'
    )
    content['defaults'].update(
        take='{subject}_{action}', subject='{subject}', label='{action}'
    )
    path = write_mapping(tmp_path / 'lab.yml', content)
    convert_reader(OwnDataReader(path), tmp_path / 'dst2')
    for name, text in expected.items():
        assert (tmp_path / 'dst2/annotations' / name).read_text() == text
    # One take of the pattern differs.
    content['takes'] = [{'take': 'p2_walk', 'label': 'run', 'camera': 'left'}]
    write_mapping(path, content)
    convert_reader(OwnDataReader(path), tmp_path / 'dst2')
    metainfo, (entry,) = entries_of(tmp_path / 'dst2', 'test')
    assert metainfo['classes'] == ['jump', 'run', 'walk']
    assert entry['segments'][0]['label'] == 1
    assert entry['pose'] == 'pose/p2_walk_left.safetensors'


def test_second_run_does_what_is_missing(made, tmp_path):
    raw = write_raw(tmp_path / 'raw', made)
    content = mapping(made)
    convert(tmp_path, content)
    dst = tmp_path / 'dst'
    files = sorted(dst.rglob('*.safetensors'))
    before = {p: p.stat().st_ino for p in files}
    assert len(before) == 6

    def changed():
        convert(tmp_path, content)
        new = {p: p.stat().st_ino for p in files}
        names = {
            f'{p.parent.name}/{p.stem}' for p in files if new[p] != before[p]
        }
        before.update(new)
        return names

    assert changed() == set()
    (dst / 'imu/p1_walk.safetensors').write_bytes(b'broken')
    (dst / 'pose/p3_jump.safetensors').unlink()
    assert changed() == {'imu/p1_walk', 'pose/p3_jump'}
    path = raw / 'imu/p2_walk_head.csv'
    path.write_text(path.read_text().replace('acc_x', 'ax'))
    content['takes'][1]['imu'] = {
        'head': {'columns': {'acc': ['ax', 'acc_y', 'acc_z']}}
    }
    assert changed() == {'imu/p2_walk'}
    content['defaults']['pose']['start_s'] = 0.5
    assert changed() == {f'pose/{take}' for take in made}
    assert entries_of(dst, 'test')[1][0]['start_s'] >= 0.5
    content['defaults']['sensor'] = {**SHARED, 'gravity': 'removed'}
    assert changed() == {f'imu/{take}' for take in made}
    stream = read_imu(dst / 'imu/p1_walk.safetensors')['head']
    assert stream.gravity is False


def test_broken_take_leaves_the_others(made, tmp_path):
    raw = write_raw(tmp_path / 'raw', made)
    path = raw / 'imu/p2_walk_head.csv'
    content = path.read_text()
    path.write_text(content.replace('\n', '\nx', 5))
    with pytest.raises(ValueError) as caught:
        convert(tmp_path, mapping(made))
    assert 'lab.yml: takes[1].imu.head: ' in str(caught.value)
    assert f'{path}, row 2' in str(caught.value)
    dst = tmp_path / 'dst'
    assert not (dst / 'annotations').exists()
    assert {p.name for p in dst.rglob('*.*') if p.is_file()} == {
        'p1_walk.safetensors'
    }
    path.write_text(content)
    convert(tmp_path, mapping(made))
    check_recordings(dst, made)


def test_dates_on_one_clock(made, tmp_path):
    """Sensors by epoch, video by date: seconds from the first frame."""
    take, recording = next(iter(made.items()))
    raw = write_raw(tmp_path / 'raw', {take: made[take]})
    stream = recording.imu['head']
    begin = 1714557600.25  # 2024-05-01T10:00:00.250Z
    start = float(times_of(recording.pose)[0])
    columns = sensor_columns(stream, start=start)
    columns['t'] = (columns['t'] + begin) * 1000
    write_csv(raw / f'imu/{take}_head.csv', columns)
    write_csv(
        raw / 'labels.csv',
        {
            'start_s': ['2024-05-01T12:00:02.25+02:00', '3'],
            'end_s': ['2024-05-01T12:00:03.75+02:00', '4'],
            'label': ['wave', 'jump'],
        },
    )
    (raw / 'labels.csv').write_text(
        (raw / 'labels.csv').read_text().rsplit('\n', 2)[0] + '\n'
    )
    content = mapping({take: made[take]}, split=None)
    content['defaults']['imu'] = {
        'head': {'file': f'imu/{take}_head.csv', 'units': {'time': 'ms'}}
    }
    content['takes'] = [
        {
            'take': take,
            'subject': 1,
            'split': 'test',
            'segments': {'file': 'labels.csv'},
            'pose': {'start_s': '2024-05-01T12:00:00.250+02:00'},
        }
    ]
    convert(tmp_path, content)
    dst = tmp_path / 'dst'
    found = read_imu(dst / f'imu/{take}.safetensors')['head']
    np.testing.assert_allclose(
        times_of(found) + start, times_of(stream), atol=2e-6
    )
    assert read_pose(dst / f'pose/{take}.safetensors').clock.start == 0
    metainfo, (entry,) = entries_of(dst, 'test')
    (segment,) = entry['segments']
    assert segment['start_s'] == pytest.approx(2)
    assert segment['end_s'] == pytest.approx(3.5)
    assert metainfo['classes'] == ['wave']
    assert entry['subject'] == '1'
    # An explicit origin moves everything.
    content['takes'][0]['origin'] = '2024-05-01T10:00:00Z'
    convert(tmp_path, content)
    pose = read_pose(dst / f'pose/{take}.safetensors')
    assert pose.clock.start == pytest.approx(0.25)
    # A date for one and seconds for the other is no common clock.
    content['takes'][0]['pose']['start_s'] = 0
    with pytest.raises(ValueError, match=r'takes\[0\]\.pose: .*start_s as'):
        convert(tmp_path, content)
    del content['takes'][0]['origin']
    with pytest.raises(ValueError, match=r'imu\.head: its times are dates'):
        convert(tmp_path, content)


def test_segments(made, tmp_path):
    take, _ = next(iter(made.items()))
    raw = write_raw(tmp_path / 'raw', {take: made[take]})
    rows = {
        'start_s': ['10,5', '12', '40'],
        'end_s': ['11,5', '19', '50'],
        'label': ['sit', ' stand', 'run'],
    }
    write_csv(raw / f'{take}.csv', rows, delimiter=';', newline='\r\n')
    content = mapping({take: made[take]}, split=None)
    content['classes'] = ['stand', 'sit', 'run']
    content['takes'][0].update(split='train')
    del content['takes'][0]['label']
    inline = [
        {'start_s': 2, 'end_s': 9.5, 'label': 'stand'},
        {'start_s': 0.5, 'end_s': 1.5, 'label': 'sit'},
    ]
    table = {'file': '{take}.csv', 'start_s': -10}
    for segments in (inline, table):
        content['takes'][0]['segments'] = segments
        convert(tmp_path, content)
        metainfo, (entry,) = entries_of(tmp_path / 'dst', 'train')
        assert metainfo['classes'] == ['stand', 'sit', 'run']
        assert entry['segments'] == [
            {'start_s': 0.5, 'end_s': 1.5, 'label': 1},
            {'start_s': 2.0, 'end_s': entry['end_s'], 'label': 0},
        ]


def test_segments_of_a_label_in_each_row(made, tmp_path):
    take, _ = next(iter(made.items()))
    raw = write_raw(tmp_path / 'raw', {take: made[take]})
    labels = ['0'] * 11 + ['4'] * 20 + ['0'] * 2 + ['12'] * 10 + ['7']
    rows = [f'{10000 + 100 * i} {x} NaN' for i, x in enumerate(labels)]
    (raw / f'{take}.dat').write_text('\n'.join(rows) + '\n')
    np.savez(
        raw / f'{take}.npz',
        t=10 + 0.1 * np.arange(len(labels)),
        y=np.array(labels, float),
    )
    content = mapping({take: made[take]}, split=None)
    content['takes'][0].update(split='train')
    del content['takes'][0]['label']
    text = {
        **{'file': '{take}.dat', 'header': 0, 'start_s': -10},
        'columns': {'time': 1, 'label': 2},
        'units': {'time': 'ms'},
    }
    arrays = {**text, 'file': '{take}.npz', 'units': {'time': 's'}}
    arrays['columns'] = {'time': 't', 'label': 'y'}
    even = {**text, 'columns': {'label': 2}, 'rate': 10, 'start_s': 0}
    del even['units']
    for keys in (text, arrays, even):
        content['takes'][0]['segments'] = {**keys, 'without': [0]}
        convert(tmp_path, content)
        metainfo, (entry,) = entries_of(tmp_path / 'dst', 'train')
        assert metainfo['classes'] == ['12', '4']
        found = [
            (s['start_s'], s['end_s'], s['label']) for s in entry['segments']
        ]
        end = min(4.3, entry['end_s'])
        np.testing.assert_allclose(found, [(1.1, 3.1, 1), (3.3, end, 0)])
    for change, said in (
        ({'rate': 10}, 'either columns.time or rate'),
        ({'units': None}, 'units.time'),
        ({'columns': {'time': 1}}, 'label'),
    ):
        odd = {k: v for k, v in {**text, **change}.items() if v is not None}
        content['takes'][0]['segments'] = odd
        with pytest.raises(ValueError, match=rf'segments.*{said}'):
            convert(tmp_path, content)


def test_people_of_a_scene_share_a_video(tmp_path):
    two = dict(zip(('anna', 'ben'), people(num=2, people=(2, 2))))
    raw = write_raw(tmp_path / 'raw', two)
    recordings = [*two.values()]
    start = float(times_of(recordings[0].pose)[0])
    for name, recording in two.items():  # one clock
        write_csv(
            raw / f'imu/{name}_head.csv',
            sensor_columns(recording.imu['head'], start=start),
        )
    frames = mmpose_frames(*(r.pose for r in recordings))
    (raw / 'both.json').write_text(json.dumps(frames))
    content = mapping(two, split=None)
    content['defaults'].update(
        scene='hall_1', split='train', camera='door', subject='{take}'
    )
    content['defaults']['pose']['file'] = 'both.json'
    content['takes'] = [
        {'take': 'anna', 'pose': {'person': 0}},
        {'take': 'ben', 'pose': {'person': 1}},
    ]
    convert(tmp_path, content)
    _, entries = entries_of(tmp_path / 'dst', 'train')
    assert [e['subject'] for e in entries] == ['anna', 'ben']
    assert {(e['scene'], e['camera']) for e in entries} == {('hall_1', 'door')}
    found = [read_pose(tmp_path / 'dst' / e['pose']) for e in entries]
    seen = [(s.scores[:] > 0).all(axis=1) for s in found]
    both = [recording.pose.keypoints[:] for recording in recordings]
    # Ids go by first appearance, so either order of the two is right.
    straight = all(
        np.allclose(f.keypoints[:][s], b[s], atol=1e-2)
        for f, s, b in zip(found, seen, both)
    )
    crossed = all(
        np.allclose(f.keypoints[:][s], b[s], atol=1e-2)
        for f, s, b in zip(found, seen, both[::-1])
    )
    assert straight or crossed


def test_other_skeletons_and_single_modalities(made, tmp_path):
    raw = write_raw(tmp_path / 'raw', made)
    (one, a), (two, b), _ = made.items()
    write_csv(raw / f'pose/{one}.csv', pose_columns(a.pose))
    write_skeletons(raw / 'all.pkl', {two: [b.pose]})
    content = mapping(made, split=None)
    content['defaults'].update(split='train')
    table = {
        'file': 'pose/{take}.csv',
        'format': 'table',
        'layout': 'coco',
        'columns': {
            'time': 't',
            'x': '{keypoint}_x',
            'y': '{keypoint}_y',
            'score': '{keypoint}_score',
        },
        'units': {'time': 's', 'keypoints': 'px'},
        'rate': None,
    }
    pickled = {'file': 'all.pkl', 'format': 'mmaction', 'img_shape': None}
    for take, pose in zip(content['takes'], (table, pickled, None)):
        take['pose'] = pose
    content['takes'][0]['imu'] = {
        'head': {'start_s': float(times_of(a.pose)[0])},
        'left_wrist': {'start_s': float(times_of(a.pose)[0])},
    }
    convert(tmp_path, content)
    _, entries = entries_of(tmp_path / 'dst', 'train')
    assert [e['pose'] is None for e in entries] == [False, False, True]
    for entry, recording in zip(entries, (a, b)):
        pose = read_pose(tmp_path / 'dst' / entry['pose'])
        np.testing.assert_allclose(
            pose.keypoints[:], recording.pose.keypoints[:], atol=1e-3
        )
        np.testing.assert_allclose(pose.scores[:], recording.pose.scores[:])


def test_one_layout_in_a_data_set(made, tmp_path):
    raw = write_raw(tmp_path / 'raw', made)
    take = list(made)[1]
    path = raw / f'pose/{take}.json'
    frames = json.loads(path.read_text())
    for frame in frames:
        for seen in frame['instances']:
            seen['keypoints'] += [[9.0, 9.0]] * 9
            seen['keypoint_scores'] += [0.5] * 9
    path.write_text(json.dumps(frames))
    with pytest.raises(
        ValueError, match=f'coco in pose/p1_walk.*26 in pose/{take}'
    ):
        convert(tmp_path, mapping(made))
    assert not (tmp_path / 'dst/annotations').exists()


def lack(item):
    raise ImportError(f'{item} needs pyarrow.')


def test_errors_of_workers_have_no_second_traceback():
    with pytest.raises(ImportError, match='a needs pyarrow') as caught:
        convert_all(lack, 'ab', workers=2)
    assert caught.value.__cause__ is None


def test_placeholders_in_paths(tmp_path):
    for name in ('a_b_c', 'a_x', 'b[1]_y'):
        for file in ('imu.csv', f'{name}_2.csv'):
            path = tmp_path / name / file
            path.parent.mkdir(exist_ok=True)
            path.touch()
    found = find_fields(tmp_path, '{who}_{trial}/imu.csv', 'w')
    # The first ones stand for as little as possible.
    assert found == [
        {'who': 'a', 'trial': 'b_c'},
        {'who': 'a', 'trial': 'x'},
        {'who': 'b[1]', 'trial': 'y'},
    ]
    found = find_fields(tmp_path, 'b[1]_*/{take}_{n}.csv', 'w')
    assert found == [{'take': 'b[1]', 'n': 'y_2'}]
    found = find_fields(tmp_path, '{take}/{take}_2.csv', 'w')
    assert [f['take'] for f in found] == ['a_b_c', 'a_x', 'b[1]_y']


def test_recordings_of_the_format_are_read(made, tmp_path):
    """``format: recording`` needs no other key than ``file``."""
    recording = made['p1_walk']
    write_imu(tmp_path / 'imu.safetensors', {'head': recording.imu['head']})
    write_pose(tmp_path / 'pose.safetensors', recording.pose)
    files = {
        key: {'file': f'{key}.safetensors', 'format': 'recording'}
        for key in ('imu', 'pose')
    }
    take = {
        'take': 'a',
        'subject': 'anna',
        'split': 'train',
        'imu': {'head': files['imu']},
        'pose': files['pose'],
    }
    path = write_mapping(tmp_path / 'lab.yml', {'takes': [take]})
    done = convert_reader(OwnDataReader(path), tmp_path / 'dst')
    assert done.entries['train'] == 1
    stream = read_imu(tmp_path / 'dst/imu/a.safetensors')['head']
    np.testing.assert_array_equal(
        stream.channels['acc'], recording.imu['head'].channels['acc'][:]
    )
    pose = read_pose(tmp_path / 'dst/pose/a.safetensors')
    np.testing.assert_array_equal(pose.scores, recording.pose.scores[:])


def test_a_note_names_its_sensor_once(made, tmp_path):
    take, recording = next(iter(made.items()))
    root = write_raw(tmp_path / 'raw', {take: recording})
    table = sensor_columns(recording.imu['head'])
    for name in ('acc_x', 'acc_y', 'acc_z'):
        table[name] = np.clip(table[name], -9.0, 9.0)
    write_csv(root / f'imu/{take}_head.csv', table)
    content = mapping({take: recording}, split={'by': 'take', 'train': [take]})
    _, notes = convert(tmp_path, content)
    assert any('.imu.head: acc is at the end of its' in note for note in notes)
    report = check_data_set(tmp_path / 'dst')
    assert any(n.startswith(f'{take}.head: acc is') for n in notes_in(report))
