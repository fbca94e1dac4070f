"""``--pose`` and the flags beside it, as every command takes them."""

from argparse import ArgumentParser

import numpy as np
import pytest
from raw_pose_tools import (
    RATE,
    SHAPE,
    alphapose,
    mediapipe_wide,
    openpose,
    person,
    write,
)

from mobind_mm.apis.sources import to_pose
from mobind_mm.cli.arguments import (
    add_imu_arguments,
    add_pose_arguments,
    file_source,
    pose_source,
)

SIZE = ['--img-shape', *map(str, SHAPE)]


def parse(*words):
    parser = ArgumentParser()
    add_imu_arguments(parser, required=False)
    add_pose_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def pose_of(*words):
    return to_pose(pose_source(parse(*words)))


def test_a_folder_of_openpose(tmp_path):
    folder = write(openpose(*person()), tmp_path)
    pose = pose_of('--pose', folder, '--fps', 25, *SIZE)
    assert (pose.clock.rate, pose.img_shape) == (25.0, SHAPE)
    with pytest.raises(ValueError, match='--fps, --frame-times or --video'):
        pose_of('--pose', folder, *SIZE)
    with pytest.raises(ValueError, match='--img-shape HEIGHT WIDTH or --vid'):
        pose_of('--pose', folder, '--fps', 25)


def test_frame_times(tmp_path):
    file = write(alphapose(*person()), tmp_path)
    times = np.arange(60) ** 1.1 / RATE
    (tmp_path / 't.csv').write_text('\n'.join(['t', *map(str, times)]))
    given = ['--pose', file, '--frame-times', tmp_path / 't.csv', *SIZE]
    np.testing.assert_allclose(pose_of(*given).clock.at(), times)
    with pytest.raises(ValueError, match='both a rate and the times'):
        pose_of(*given, '--fps', 30)


def test_a_mapping(tmp_path):
    file = write(mediapipe_wide(*person()), tmp_path)
    keys = (
        "columns: {time: timestamp_ms, x: '{keypoint}_x', "
        "y: '{keypoint}_y', score: '{keypoint}_visibility'}\n"
        'units: {time: ms, keypoints: fraction}\n'
        'keypoint_names: {nose: NOSE, left_wrist: LEFT_WRIST}\n'
    )
    beside, alone = tmp_path / 'map.yml', tmp_path / 'own.yml'
    beside.write_text(keys)
    alone.write_text(f'{keys}file: wide.csv\n')
    flags = ['--layout', 'coco', *SIZE]
    for given in (
        ['--pose', file, '--pose-mapping', beside, *flags],
        ['--pose', alone, *flags],
    ):
        pose = pose_of(*given)
        assert (pose.layout, pose.img_shape) == ('coco', SHAPE)
        np.testing.assert_allclose(
            pose.keypoints[:, 0], person()[0][:, 0], atol=0.01
        )
        assert np.flatnonzero(pose.scores.any(axis=0)).tolist() == [0, 9]


def test_files_of_a_gallery_are_known_by_content(tmp_path):
    folder = write(openpose(*person()), tmp_path)
    table = write(mediapipe_wide(*person()), tmp_path)
    (tmp_path / 'imu.csv').write_text('time,head_acc_x\n0,1\n')
    args = parse('--fps', 30, *SIZE)
    for path in (folder, table):
        assert file_source(args, str(path))['pose']['file'] == str(path)
    assert 'imu' in file_source(args, str(tmp_path / 'imu.csv'))
    assert file_source(args, str(tmp_path)) == str(tmp_path)
