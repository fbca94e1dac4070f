"""The study of docs/own_data.md: as printed there, and back as simulated."""

import re
from pathlib import Path

import numpy as np
import pytest

from mobind_mm.datasets.synthetic import ACTIONS, SyntheticMotionDataset
from mobind_mm.datasets.synthetic.phone_study import (
    MAPPING,
    PEOPLE,
    RANGE,
    write_phone_study,
)
from mobind_mm.readers.convert import convert
from mobind_mm.readers.own_data import OwnDataReader
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
    assert not done.notes
    source = SyntheticMotionDataset(
        split='test',
        num_subjects=2,
        takes_per_subject=2,
        take_sec=8.0,
        people=(1, 1),
        lazy_init=True,
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
