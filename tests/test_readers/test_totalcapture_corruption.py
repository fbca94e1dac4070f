"""200 damaged copies of each of TotalCapture's files."""

import numpy as np
import pytest
from corruption import check_contained, corruptions
from raw_totalcapture import (
    PUBLISHED,
    convert_takes,
    make_cameras,
    make_take,
    write_dataset,
)

from mobind_mm.recordings import read_imu, read_pose

RAW = make_take(seconds=0.5)
CAMERAS = make_cameras(2)


@pytest.mark.parametrize('kind', [*PUBLISHED, 'calibration'])
def test_damage_is_contained(tmp_path, kind):
    src, dst = tmp_path / 'src', tmp_path / 'dst'
    kinds = [k for k in PUBLISHED if kind == 'auxfields' or k != 'auxfields']
    (paths,) = write_dataset(src, [RAW], CAMERAS, kinds=kinds)
    paths['calibration'] = src / 'calibration.cal'
    content = paths[kind].read_bytes()
    refused = 0
    for number, (done, damaged) in enumerate(corruptions(content, 0, 200)):
        paths[kind].write_bytes(damaged)
        out = dst / str(number)
        outcome = check_contained(
            lambda out=out: convert_takes(src, out, calibrate=True),
            out,
        )
        if outcome != 'fine':
            refused += 1
            assert str(paths[kind]) in outcome, f'{done}: {outcome}'
            continue
        # What cannot be told from a true value must at least be in range.
        imu = read_imu(out / 'imu/s1_acting1.safetensors')
        assert len(imu) == 13, done
        for stream in imu.values():
            assert np.abs(stream.channels['acc'][:]).max() < 2000, done
        for camera in ('cam1', 'cam2'):
            pose = read_pose(out / f'pose/s1_acting1_{camera}.safetensors')
            assert abs(pose.clock.num_samples - 30) <= 3, done
            assert np.isfinite(pose.keypoints[:]).all(), done
    assert 100 < refused < 200
