"""The example files say what their simulated people did."""

import numpy as np
from raw_tables import times_of

from mobind_mm.apis.takes import named_takes
from mobind_mm.datasets import SyntheticMotionDataset
from mobind_mm.datasets.synthetic.example import write_example, write_labelled
from mobind_mm.readers.files import Video, load_people
from mobind_mm.readers.sensors import read_imu_file


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
