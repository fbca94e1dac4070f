"""Published annotation files are evaluated as they are, or refused."""

import pytest
from recordings import make_entry, write_dataset

from mobind_mm.datasets import SyncClipDataset
from mobind_mm.readers.sync_annotations import read_sync_file

HEADER = 'index start end subject action offset_ms\n'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    wave = dict(start_s=4.0, end_s=20.0, label=0)
    jump = dict(start_s=20.0, end_s=30.0, label=1)
    more = dict(start_s=30.0, end_s=40.0, label=0)
    entries = [
        make_entry('s1_walk1', 40.0, [wave, jump], subject='s1'),
        make_entry('s1_run1', 40.0, [], subject='s1'),
        make_entry('s2_all', 40.0, [wave, jump, more], subject='s2'),
        make_entry('s3_a', 40.0, [wave], subject='s3'),
        make_entry('s3_b', 40.0, [wave], subject='s3'),
    ]
    return write_dataset(tmp_path_factory.mktemp('data'), entries)


def make(root, text, tmp_path, **changes):
    path = tmp_path / 'annotations.txt'
    path.write_text(text)
    inner = dict(
        type='IMUPoseDataset',
        data_root=str(root),
        ann_file='annotations/train.json',
        window_sec=8.0,
        stride_sec=4.0,
    )
    changes = {'time_unit': 'seconds', **changes}
    return SyncClipDataset(inner, sync_file=str(path), **changes)


def spans(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [
        (
            i['take'],
            round(i['window_start'] - i['offset'], 6),
            round(i['offset'], 6),
            i['action'],
        )
        for i in infos
    ]


def test_rows_give_the_windows_and_the_offsets(root, tmp_path):
    text = (
        f'{HEADER}# a comment\n\n'
        '0 10.0 18.0 s1 walk1 -1500\n'
        '1 20.5 28.5 1 s1_run1 300\n'  # by number, by the whole take
        '2 22 30 s2 jump 0\n'
    )
    assert spans(make(root, text, tmp_path)) == [
        ('s1_walk1', 10.0, -1.5, 0),
        ('s1_run1', 20.5, 0.3, -1),
        ('s2_all', 22.0, 0.0, 1),
    ]


def test_frames_tabs_commas_and_segments(root, tmp_path):
    for separator in ('\t', ', '):
        row = separator.join(['7', '20', '180', 's2', 'jump', '-2000'])
        dataset = make(
            root,
            row,
            tmp_path,
            time_unit='frames',
            frame_rate=20,
            time_origin='segment',
        )
        # The jump starts at 20 s.
        assert spans(dataset) == [('s2_all', 21.0, -2.0, 1)]
    # An inclusive last frame is no error.
    dataset = make(
        root,
        '7 40 199 s2 jump -1000',
        tmp_path,
        time_unit='frames',
        frame_rate=20,
    )
    assert spans(dataset) == [('s2_all', 2.0, -1.0, 0)]


def test_actions_may_have_spaces(tmp_path):
    path = tmp_path / 'annotations.txt'
    path.write_text('0 1 9 15 T pose 2 100\n')
    (row,) = read_sync_file(str(path), 'seconds')
    assert (row['action'], row['offset'], row['subject']) == (
        'T pose 2',
        0.1,
        '15',
    )


@pytest.mark.parametrize(
    'row, message',
    [
        ('1 0 8 s1 walk1', '5 columns'),
        ('1 0 8 s1 walk1 fast', "offset_ms is 'fast'"),
        ('1 zero 8 s1 walk1 0', "start is 'zero'"),
        ('1 0 nan s1 walk1 0', "end is 'nan'"),
        ('1 8 8 s1 walk1 0', 'not before'),
        ('0 0 8 s1 walk1 0', 'index 0 is that of line 1'),
        ('1 0 5 s1 walk1 0', 'Set window_sec=5.000'),
        ('1 4 12 s1 walk1 8000', 'larger than max_offset=7.0'),
        ('1 0 8 s1 walk1 -1000', "edges='beyond'"),
        ('1 36 44 s1 walk1 0', '36.000-44.000 s'),
        ('1 0 8 s9 walk1 0', "'s9' is not in the dataset"),
        ('1 0 8 s1 swim 0', "no take or segment 'swim'"),
        ('1 8 16 s3 wave 0', 'match 2 places.*s3_a'),
    ],
)
def test_a_bad_row_is_named_with_its_line(root, tmp_path, row, message):
    text = f'0 0 8 s1 walk1 0\n{row}\n'
    with pytest.raises(
        ValueError, match=f'annotations.txt, line 2.*{message}'
    ):
        make(root, text, tmp_path)


def test_a_segment_that_comes_twice_is_ambiguous(root, tmp_path):
    row = '0 0 8 s2 wave 0\n'
    assert spans(make(root, row, tmp_path))[0][:2] == ('s2_all', 0.0)
    with pytest.raises(ValueError, match='match 2 places.*from 30.000 s'):
        make(root, row, tmp_path, time_origin='segment')


def test_the_shifted_window_may_go_beyond(root, tmp_path):
    row = '0 0 8 s1 walk1 -1000\n'
    dataset = make(root, row, tmp_path, edges='beyond')
    assert spans(dataset) == [('s1_walk1', 0.0, -1.0, 0)]


def test_the_file_does_not_say_its_unit(root, tmp_path):
    row = '0 0 8 s1 walk1 0\n'
    for changes, message in (
        (dict(time_unit=None), 'needs time_unit'),
        (dict(time_unit='ms'), "got 'ms'"),
        (dict(time_unit='frames'), 'frame_rate must'),
        (dict(frame_rate=20), 'frame_rate must'),
        (dict(time_unit='frames', frame_rate=0), 'frame_rate must'),
    ):
        with pytest.raises(ValueError, match=message):
            make(root, row, tmp_path, **changes)
    with pytest.raises(ValueError, match='has no rows'):
        make(root, HEADER, tmp_path)
    with pytest.raises(FileNotFoundError, match='nothing.txt'):
        read_sync_file(str(tmp_path / 'nothing.txt'), 'seconds')
