"""The study of docs/own_data.md: as printed there, and back as simulated."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from raw_tables import times_of

from mobind_mm.apis.takes import named_takes
from mobind_mm.datasets.synthetic import ACTIONS, SyntheticMotionDataset
from mobind_mm.datasets.synthetic.example import write_example, write_labelled
from mobind_mm.datasets.synthetic.mixed_study import write_mixed_study
from mobind_mm.datasets.synthetic.phone_study import (
    MAPPING,
    PEOPLE,
    RANGE,
    write_phone_study,
)
from mobind_mm.readers.convert import convert
from mobind_mm.readers.files import Video, load_people
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import read_annotations, read_imu, read_pose

GUIDE = Path(__file__).parents[2] / 'docs/own_data.md'


def test_the_guide_prints_the_mapping():
    assert f'```yaml\n{MAPPING}```' in GUIDE.read_text()


def test_the_guide_names_the_files(tmp_path):
    write_phone_study(tmp_path / 'study', takes=1, take_sec=4.0)
    text = GUIDE.read_text()
    for path in re.findall(r'^study/(?:raw|labels)/\S+', text, re.M):
        first = (tmp_path / path).read_text().splitlines()[0]
        assert first.replace('"', '') in text.replace('"', '')


def test_converted_it_is_what_was_simulated(tmp_path):
    names = write_phone_study(tmp_path / 'study', takes=2, take_sec=8.0)
    assert len(names) == len(set(names)) == 14
    dst = tmp_path / 'data'
    done = convert(OwnDataReader(tmp_path / 'study/study.yml'), dst)
    assert done.entries == {'train': 8, 'val': 2, 'test': 4}
    assert all('have no names' in note for note in done.notes)
    source = SyntheticMotionDataset(
        'test', 2, 2, 8.0, people=(1, 1), lazy_init=True
    )
    metainfo, entries = read_annotations(dst / 'annotations/test.json')
    assert {e['subject'] for e in entries} == set(PEOPLE['test'])
    for entry, simulated in zip(entries, source.load_entries()):
        truth = source.get_recording(simulated)
        pose = read_pose(dst / entry['pose'])
        phone = read_imu(dst / entry['imu'])['right_wrist']
        skipped = truth.pose.clock.num_samples - pose.clock.num_samples
        np.testing.assert_allclose(
            pose.keypoints[:], truth.pose.keypoints[skipped:], atol=0.006
        )
        # On the clock of the video, where the two streams were in step.
        first = truth.pose.clock.at(slice(skipped, skipped + 1))[0]
        clock = truth.imu['right_wrist'].clock
        kept = phone.clock.num_samples
        times = clock.at(slice(clock.num_samples - kept, clock.num_samples))
        np.testing.assert_allclose(
            phone.clock.at(slice(0, kept)), times - first, atol=1e-5
        )
        for channel in ('acc', 'gyro'):
            np.testing.assert_allclose(
                phone.channels[channel][:],
                np.clip(
                    truth.imu['right_wrist'].channels[channel][-kept:],
                    -RANGE[channel],
                    RANGE[channel],
                ),
                atol=1e-5,
            )
        labels = [
            list(ACTIONS)[s['label']]
            for s in simulated['segments']
            if s['end_s'] > first
        ]
        assert labels == [
            metainfo['classes'][s['label']] for s in entry['segments']
        ]


def test_takes_must_be_longer_than_the_start(tmp_path):
    with pytest.raises(ValueError, match='longer than 3.0 s, got 2'):
        write_phone_study(tmp_path, take_sec=2)
    assert not list(tmp_path.iterdir())


# A mixed study has the files that its truth names


def test_files_and_truth(tmp_path, capsys):
    path = write_mixed_study(tmp_path, 1, 1, 1, seconds=4.0, seed=1)
    assert '100%' in capsys.readouterr().err
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(
        (bool(r['recording']), bool(r['video']), bool(r['offset_s']))
        for r in rows
    ) == [(False, True, False), (True, False, False), (True, True, True)]
    named = {r[key] for r in rows for key in ('recording', 'video')} - {''}
    found = {
        p.relative_to(tmp_path).as_posix()
        for p in tmp_path.rglob('*')
        if p.is_file() and p != path
    }
    assert named == found and len(named) == 4
    for row in rows:
        if row['recording']:
            streams = read_imu_file(tmp_path / row['recording'])
            assert {*streams} == {'right_wrist', 'left_knee'}
            start, end = streams['left_knee'].clock.span
            assert end - start == pytest.approx(4.0, abs=0.05)
        if row['video']:
            video = Video(rate=30.0, img_shape=(1080, 1920))
            people = load_people(tmp_path / row['video'], video)
            assert len(people) > int(row['person'] or 0)
        if row['offset_s']:  # both are cut from 16 s
            assert abs(float(row['offset_s']) - start) < 12.1


def test_a_study_of_nothing(tmp_path):
    with pytest.raises(ValueError, match='needs recordings or videos'):
        write_mixed_study(tmp_path, 0, 0, 0)


# The example files say what their simulated people did


def test_files_of_two_people(tmp_path):
    csv, mapping, json = write_example(
        tmp_path, offset=2.5, seconds=8.0, people=2, fps=25.0, seed=3
    )
    source = SyntheticMotionDataset(
        split='test', num_subjects=2, takes_per_subject=1, take_sec=8.0,
        people=(2, 2), pose_rate=25.0, seed=3, lazy_init=True,
    )  # fmt: skip
    takes = [source.get_recording(e) for e in source.load_entries()]
    imu = read_imu_file(csv, mapping)
    assert list(imu) == ['right_wrist', 'left_knee']
    for name, found in imu.items():
        stream = takes[0].imu[name]
        np.testing.assert_allclose(
            found.channels['acc'], stream.channels['acc'], atol=1e-4
        )
        np.testing.assert_allclose(
            found.channels['gyro'], stream.channels['gyro'], atol=1e-4
        )
        # The first frame is second 0 of the video, 2.5 s of the sensors.
        since = times_of(stream) - takes[0].pose.clock.start
        np.testing.assert_allclose(times_of(found) - 2.5, since, atol=1e-5)
    people = load_people(json, Video(25.0, (1080, 1920)))
    assert len(people) == 2
    distances = [
        [
            np.abs(
                (found.keypoints - take.pose.keypoints)[take.pose.scores > 0]
            ).mean()
            for take in takes
        ]
        for found in people.values()
    ]
    assert np.min(distances, axis=0).max() < 0.01


def test_a_labelled_data_set(tmp_path):
    root = write_labelled(tmp_path / 'x', num_subjects=2, take_sec=12.0)
    takes, classes = named_takes(str(root))
    assert len(takes) == 4 and 'squat' in classes
    for entry, recording in takes.values():
        assert entry['segments'] and recording.imu and recording.pose
