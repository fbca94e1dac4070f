"""All sensors of TotalCapture through conversion, check and every task."""

from dataclasses import replace

import numpy as np
import pytest
from mmengine.config import Config
from raw_totalcapture import make_cameras, make_take, write_dataset
from tiny_training import train_and_test

from mobind_mm.apis import MoBindInferencer
from mobind_mm.checks import check_data_set, check_inputs
from mobind_mm.cli.config import set_data_root
from mobind_mm.readers import convert
from mobind_mm.readers.totalcapture import TotalCaptureReader
from mobind_mm.readers.totalcapture.sensors import PLACEMENTS
from mobind_mm.recordings import Recording, read_imu, read_pose
from mobind_mm.skeleton import LIMBS

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Takes of three subjects in one camera, converted."""
    path = tmp_path_factory.mktemp('totalcapture')
    performed = ((1, 'acting'), (1, 'rom'), (4, 'rom'), (5, 'freestyle'))
    takes = [
        make_take(subject, f'{action}1', seconds=24.0)
        for subject, action in performed
    ]
    write_dataset(path / 'raw', takes, make_cameras(count=8))
    reader = TotalCaptureReader(path / 'raw', cameras=[1])
    convert(reader, path / 'data')
    return path / 'data'


@pytest.fixture(scope='module')
def recording(root):
    (pose,) = sorted((root / 'pose').glob('s5_*'))
    return Recording(
        read_imu(root / 'imu/s5_freestyle1.safetensors'), read_pose(pose)
    )


@pytest.fixture(scope='module')
def inferencer():
    return MoBindInferencer(device='cpu', show_progress=False)


@pytest.fixture(scope='module')
def five():
    """A model with five limbs, whose sensors all have gyroscopes."""
    return MoBindInferencer(
        'mobind_synthetic', device='cpu', show_progress=False
    )


def test_every_sensor_is_at_a_known_placement(recording):
    assert sorted(recording.imu) == sorted(PLACEMENTS.values())
    assert len(recording.imu) == 13 and {*recording.imu} <= {*LIMBS}


def test_the_check_raises_no_alarm(root, recording):
    assert check_inputs(recording.imu, recording.pose) == []
    report = check_data_set(root)
    assert [str(finding) for finding in report.findings] == []
    assert len(report.fits) == 13


def test_synchronisation_uses_all(recording, inferencer):
    answer = inferencer.synchronize(recording, max_offset=4.0)
    assert not answer['abstained'] and abs(answer['offset_s']) < 0.05
    assert len(answer['sensors']) == 13
    assert not any('left out by the model' in n for n in answer['notes'])
    foot = [n for n in answer['notes'] if n.startswith('left_foot: the skel')]
    assert len(foot) == 1 and 'no left_big_toe' in foot[0]


def test_a_model_of_five_limbs_leaves_sensors_out(recording, five):
    (answer,) = five.embed(Recording(recording.imu))
    left_out = [n for n in answer['notes'] if 'left out by the model' in n]
    places = {note.split(':')[0] for note in left_out}
    assert places >= {'sternum', 'pelvis'} and 'left_wrist' not in places


def test_localisation_takes_all(recording, inferencer):
    found = inferencer.localize(recording.imu, recording.pose)
    assert [*found['sensors']] == [*recording.imu]
    assert found['person'] == 'person 0' and found['notes'] == []


def test_retrieval_and_embedding_take_all(recording, inferencer, five):
    (found,) = inferencer.retrieve(
        {'query': {'imu': recording.imu}},
        {'other': Recording(pose=recording.pose)},
    )
    assert found['recordings'][0]['name'] == 'other'
    # The published file has no gyroscope, and the model wants one.
    published = {
        name: replace(s, channels={c: s.channels[c] for c in ('acc', 'quat')})
        for name, s in recording.imu.items()
    }
    (embedded,) = five.embed(Recording(published))
    (measured,) = five.embed(Recording(recording.imu))
    assert (
        'left_wrist: gyro is derived from quat for the model.'
        in (embedded['notes'])
    )
    one, other = embedded['imu'].ravel(), measured['imu'].ravel()
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert cosine > 0.99


def test_two_epochs_of_training(root, tmp_path):
    cfg = Config.fromfile('configs/mobind/totalcapture.py')
    set_data_root(cfg, str(root))
    found = train_and_test(cfg, tmp_path, epochs=2)
    assert (tmp_path / 'epoch_2.pth').is_file()
    assert 0 <= found['retrieval/imu2pose_R@1'] <= 1
