import json
import multiprocessing
import os
import pickle

import numpy as np
import pytest
import torch
from recordings import make_clock, make_entry, make_pose, make_sensor
from safetensors import safe_open
from safetensors.numpy import save_file

from mobind_mm.apis.takes import data_set_takes
from mobind_mm.recordings import (
    Clock,
    PoseStream,
    Recording,
    SensorStream,
    common_span,
    read_annotations,
    read_imu,
    read_pose,
    reading,
    write_annotations,
    write_imu,
    write_pose,
)

TIMES = np.arange(200) / 50 + 1.25
JITTERED = TIMES + np.random.default_rng(0).uniform(-0.004, 0.004, 200)


def test_imu_round_trip(tmp_path):
    path = tmp_path / 'imu' / 'take.safetensors'
    streams = dict(
        left_wrist=make_sensor(TIMES),
        sternum=SensorStream(
            make_clock(JITTERED, regular=False),
            dict(mag=np.ones((200, 3), np.float32)),
            gravity=False,
            frame='world',
        ),
    )
    write_imu(path, streams, source=dict(device='made'))
    found = read_imu(path)

    assert list(found) == ['left_wrist', 'sternum']
    for name, stream in streams.items():
        assert (found[name].gravity, found[name].frame) == (
            stream.gravity,
            stream.frame,
        )
        assert found[name].channels.keys() == stream.channels.keys()
        for channel, values in stream.channels.items():
            lazy = found[name].channels[channel]
            np.testing.assert_array_equal(lazy[20:50], values[20:50])
            np.testing.assert_array_equal(np.asarray(lazy), values)
    clock = found['left_wrist'].clock
    assert (clock.rate, clock.start) == (pytest.approx(50), 1.25)
    np.testing.assert_array_equal(found['sternum'].clock.times, JITTERED)
    with safe_open(path, 'numpy') as file:
        header = json.loads(file.metadata()['header'])
        assert set(file.keys()) == {
            'left_wrist/acc',
            'left_wrist/gyro',
            'left_wrist/quat',
            'sternum/mag',
            'sternum/timestamps',
        }
    assert header['format'] == 'mobind_mm/imu'
    assert header['version'] == 1
    assert header['source'] == dict(device='made')


@pytest.mark.parametrize('regular', [True, False])
def test_pose_round_trip(tmp_path, regular):
    times = TIMES if regular else JITTERED
    stream = make_pose(times, regular=regular)
    stream.keypoints[3] = np.nan
    stream.scores[3] = 0
    write_pose(tmp_path / 'pose.safetensors', stream)
    found = read_pose(tmp_path / 'pose.safetensors')
    np.testing.assert_array_equal(found.keypoints[0:9], stream.keypoints[0:9])
    np.testing.assert_array_equal(found.scores[0:9], stream.scores[0:9])
    assert (found.layout, found.img_shape) == ('coco', (480, 640))
    np.testing.assert_allclose(found.clock.at(slice(0, 200)), times)


def test_lazy_arrays_slice_like_numpy(tmp_path):
    path = tmp_path / 'imu.safetensors'
    stream = make_sensor(TIMES)
    write_imu(path, dict(head=stream))
    lazy = read_imu(path)['head'].channels['quat']
    array = stream.channels['quat']
    for part in np.s_[5:9, :, 190:999, 300:400, 7:7, 9:5, -3:, 0:0, :-198]:
        np.testing.assert_array_equal(lazy[part], array[part])
        assert lazy[part].dtype == np.float32
    assert len(lazy) == 200
    for index in (3, [1, 2], np.s_[::2]):
        with pytest.raises(TypeError, match=r'rows \[start:stop\]'):
            lazy[index]


def test_only_the_asked_rows_are_read(tmp_path, monkeypatch):
    path = tmp_path / 'imu.safetensors'
    write_imu(path, dict(head=make_sensor(np.arange(100_000) / 100)))
    channels = read_imu(path)['head'].channels
    read = []
    opened = reading._CACHE.get(str(path), fresh=True)

    class Counting:
        def __init__(self, handle):
            self.handle = handle

        def get_slice(self, name):
            rows = self.handle.get_slice(name)
            return type(
                'Rows', (), {'__getitem__': lambda _, i: _count(rows[i])}
            )()

    def _count(array):
        read.append(len(array))
        return array

    monkeypatch.setattr(opened, 'handle', Counting(opened.handle))
    assert channels['acc'][500:1000].shape == (500, 3)
    assert read == [500]


def test_streams_survive_pickling_and_forking(tmp_path):
    path = tmp_path / 'imu.safetensors'
    stream = make_sensor(TIMES)
    write_imu(path, dict(head=stream))
    found = read_imu(path)
    blob = pickle.dumps(found)
    assert len(blob) < 2000  # no samples inside
    again = pickle.loads(blob)['head'].channels['acc']
    np.testing.assert_array_equal(again[5:9], stream.channels['acc'][5:9])

    context = multiprocessing.get_context('fork')
    queue = context.SimpleQueue()

    def child():
        array = found['head'].channels['acc'][5:9]
        cache = reading._CACHE
        queue.put((array, cache._pid == os.getpid(), list(cache._files)))

    process = context.Process(target=child)
    process.start()
    array, own_cache, files = queue.get()
    process.join()
    np.testing.assert_array_equal(array, stream.channels['acc'][5:9])
    assert own_cache and files == [str(path)]


def test_handles_are_limited_and_a_replaced_file_is_read_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(reading, '_MAX_OPEN', 3)
    streams = []
    for i in range(6):
        path = tmp_path / f'{i}.safetensors'
        write_imu(
            path, dict(head=make_sensor(TIMES, acc=np.full((200, 3), i)))
        )
        streams.append(read_imu(path)['head'])
        assert len(reading._CACHE._files) <= 3
    for i, stream in enumerate(streams):
        assert stream.channels['acc'][7:8][0, 0] == i

    write_imu(path, dict(head=make_sensor(TIMES, acc=np.full((200, 3), 9))))
    assert read_imu(path)['head'].channels['acc'][0:1][0, 0] == 9


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'imu.safetensors'
    write_imu(path, dict(head=make_sensor(TIMES)))
    before = path.read_bytes()

    def fail(*args):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError, match='disk full'):
        write_imu(path, dict(head=make_sensor(TIMES[:50])))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ['imu.safetensors']


def _sensor(**changes):
    fields = dict(
        clock=Clock(4, rate=50.0),
        channels=dict(acc=np.zeros((4, 3), np.float32)),
    )
    return SensorStream(**{**fields, **changes})


NAN = np.zeros((4, 3), np.float32)
NAN[2, 1] = np.nan


@pytest.mark.parametrize(
    ('streams', 'words'),
    [
        (dict(head=_sensor(channels={})), 'head: no channels'),
        ({'a/b': _sensor()}, 'without "/"'),
        (dict(head=_sensor(channels=dict(baro=NAN))), "channel 'baro'"),
        (
            dict(head=_sensor(channels=dict(acc=np.zeros((4, 4))))),
            r'head/acc: shape \(4, 4\), expected \(4, 3\)',
        ),
        (dict(head=_sensor(frame='body')), "frame 'body'"),
        (
            dict(head=_sensor(channels=dict(acc=NAN))),
            r'head/acc: \[0.0, nan, 0.0\] at 0.040 s',
        ),
        (
            dict(head=_sensor(channels=dict(quat=np.full((4, 4), 25.0)))),
            'head/quat: norm 50.000 at 0.000 s, expected 1',
        ),
        (
            dict(head=_sensor(clock=Clock(4, times=np.array([0, 1, 1, 2.0])))),
            r'sample 2 is 1.0 s after 1.0 s',
        ),
    ],
)
def test_invalid_sensors_are_not_written(tmp_path, streams, words):
    path = tmp_path / 'imu.safetensors'
    with pytest.raises(ValueError, match=words) as caught:
        write_imu(path, streams)
    assert str(path) in str(caught.value)
    assert not path.exists()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (dict(layout='octopus'), "layout 'octopus'"),
        (dict(layout='halpe26'), r'keypoints has shape \(200, 17, 2\)'),
        (dict(scores=np.zeros((200, 16))), r'scores has shape \(200, 16\)'),
        (dict(img_shape=(0, 640)), 'img_shape must be'),
        (
            dict(keypoints=np.full((200, 17, 2), np.nan)),
            'keypoint 0 is .* with score 0.8',
        ),
        (dict(scores=np.full((200, 17), np.nan)), 'score nan'),
    ],
)
def test_invalid_poses_are_not_written(tmp_path, change, words):
    stream = make_pose(TIMES)
    stream = PoseStream(**{**vars(stream), **change})
    with pytest.raises(ValueError, match=words) as caught:
        write_pose(tmp_path / 'pose.safetensors', stream)
    assert 'pose.safetensors' in str(caught.value)


GOOD = dict(rate=50.0, start=0.0, gravity=True, frame='sensor')


def _header(**changes):
    header = dict(
        format='mobind_mm/imu', version=1, streams=dict(head=GOOD), source={}
    )
    return json.dumps({**header, **changes})


ACC = {'head/acc': np.zeros((4, 3), np.float32)}
BAD_TIMES = {'head/timestamps': np.array([0.0, 0.1, 0.05, 0.2])}


@pytest.mark.parametrize(
    ('arrays', 'header', 'words'),
    [
        (ACC, None, 'without a mobind_mm/imu header'),
        (ACC, 'no json', 'without a mobind_mm/imu header'),
        (ACC, _header(format='mobind_mm/pose'), 'Are "imu" and "pose"'),
        (ACC, _header(version=2), 'format version 2'),
        (
            ACC,
            _header(streams=dict(head=GOOD, pelvis=GOOD)),
            'pelvis: the header lists it, but',
        ),
        (ACC, _header(streams=dict(head={})), "header lacks '"),
        (
            ACC,
            _header(streams=dict(head={**GOOD, 'rate': -1})),
            'rate is -1.*, expected a number above 0',
        ),
        (
            {'head/acc': np.zeros((4, 3))},
            _header(),
            "'head/acc' is F64, expected F32",
        ),
        (
            {'head/acc': np.zeros((4, 2), np.float32)},
            _header(),
            r'head/acc: shape \(4, 2\)',
        ),
        (
            {**ACC, 'head/gyro': np.zeros((5, 3), np.float32)},
            _header(),
            r'shape \(5, 3\), expected \(4, 3\)',
        ),
        ({**ACC, **BAD_TIMES}, _header(), 'sample 2 is 0.05 s after 0.1 s'),
        (
            {**ACC, 'head/timestamps': np.arange(3.0)},
            _header(),
            '3 times for 4 samples',
        ),
    ],
)
def test_foreign_imu_files_are_refused(tmp_path, arrays, header, words):
    path = tmp_path / 'x.safetensors'
    save_file(arrays, path, metadata=header and dict(header=header))
    with pytest.raises(ValueError, match=words) as caught:
        read_imu(path)
    assert str(path) in str(caught.value)


def test_a_pose_file_without_scores_is_refused(tmp_path):
    path = tmp_path / 'x.safetensors'
    header = dict(
        format='mobind_mm/pose',
        version=1,
        rate=30,
        start=0,
        layout='coco',
        img_shape=[480, 640],
    )
    save_file(
        dict(keypoints=np.zeros((4, 17, 2), np.float32)),
        path,
        metadata=dict(header=json.dumps(header)),
    )
    with pytest.raises(ValueError, match="no array 'scores'"):
        read_pose(path)


@pytest.mark.parametrize('keep', [0, 5, 60, -1])
def test_truncated_files_are_refused(tmp_path, keep):
    path = tmp_path / 'imu.safetensors'
    write_imu(path, dict(head=make_sensor(TIMES)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match='not a readable safetensors file'):
        read_imu(path)


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / 'imu.safetensors'
    torch.save(dict(a=1), path)
    with pytest.raises(ValueError, match='not a readable safetensors file'):
        read_imu(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='run the dataset converter'):
        read_pose(tmp_path / 'nothing.safetensors')


def test_annotations_round_trip(tmp_path):
    metainfo = dict(classes=['a', 'b'])
    segment = dict(start_s=1.0, end_s=2.0, label=1)
    entries = [make_entry('t', segments=[segment])]
    write_annotations(tmp_path / 'a.json', metainfo, entries)
    assert read_annotations(tmp_path / 'a.json') == (metainfo, entries)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (dict(take=''), '"take"'),
        (dict(start_s=None), 'got start_s=None'),
        (dict(end_s='3'), "end_s='3'"),
        (dict(end_s=0.0), 'needs start_s < end_s'),
        (dict(end_s=float('nan')), 'end_s=nan'),
        (
            dict(segments=[dict(start_s=0.0, end_s=1.0, label=2)]),
            'label 2 of a segment must be an index into the 2',
        ),
        (dict(segments=[dict(start_s=0.0, end_s=1.0)]), 'label None'),
        (dict(segments=[dict(start_s=2.0, end_s=1.0, label=0)]), 'segment'),
    ],
)
def test_invalid_entries_are_named(tmp_path, changes, words):
    entries = [make_entry('good'), {**make_entry('bad'), **changes}]
    with pytest.raises(ValueError, match=words) as caught:
        write_annotations(
            tmp_path / 'train.json', dict(classes=['a', 'b']), entries
        )
    assert 'train.json: entry 1' in str(caught.value)


@pytest.mark.parametrize('text', ['{', '[]', '{"metainfo": {}}'])
def test_annotations_of_another_shape_are_refused(tmp_path, text):
    path = tmp_path / 'train.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'train\.json'):
        read_annotations(path)


def test_common_span_is_where_all_streams_are():
    imu = make_sensor(1.0 + np.arange(100) / 50)  # [1, 3)
    pose = make_pose(0.5 + np.arange(50) / 25)  # [0.5, 2.5)
    span = common_span(Recording(imu=dict(head=imu), pose=pose))
    assert span == pytest.approx((1.0, 2.5))
    late = make_pose(5.0 + np.arange(50) / 25)
    with pytest.raises(ValueError, match='do not overlap'):
        common_span(Recording(imu=dict(head=imu), pose=late))


@pytest.mark.parametrize('entry', [1, {}, {'take': 3}, {'take': 'a'}])
def test_entries_are_checked_wherever_they_are_read(tmp_path, entry):
    path = tmp_path / 'annotations' / 'train.json'
    path.parent.mkdir()
    path.write_text(json.dumps({'metainfo': {}, 'data_list': [entry]}))
    with pytest.raises(ValueError, match=r'train\.json: entry 0'):
        data_set_takes(tmp_path)  # TypeError, KeyError
