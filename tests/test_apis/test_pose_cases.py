"""What each pose tool wrote of one person, and that person's sensors."""

import pytest
from shared import shared_path

from mobind_mm.apis import MoBindInferencer

OFFSET = 3.217
VIDEO = {'rate': 30.0, 'img_shape': (1080, 1920)}
SIZE = {'img_shape': (1080, 1920)}


@pytest.fixture(scope='module')
def inferencer():
    return MoBindInferencer(show_progress=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'known'),
    [
        ('20_openpose_body25/merged.json', VIDEO),
        ('23_mediapipe/wide.csv', SIZE),
        ('23_mediapipe/wide_logits.csv', VIDEO),
        ('24_trc/walk_px_person00.trc', SIZE),
        ('24_trc/walk_m_person00.trc', {}),
        ('26_variable_frame_rate/pose.json', SIZE),
        ('31_layouts/zero_with_score1.json', VIDEO),
        ('32_mmaction_pickles/single_dict.pkl', {'rate': 30.0}),
        ('34_zero_for_missing/rand1.json', VIDEO),
        ('34_zero_for_missing/rand3.csv', VIDEO),
        ('34_zero_for_missing/burst3.json', VIDEO),
        ('34_zero_for_missing/burst8.json', VIDEO),
        ('34_zero_for_missing/burst8_score0.json', VIDEO),
    ],
)
def test_offsets(name, known, inferencer):
    pose = {'file': shared_path(f'cases/{name}'), **known}
    if name.startswith('26'):
        times = 'cases/26_variable_frame_rate/frame_times.csv'
        pose['times'] = shared_path(times)
    answer = inferencer.synchronize(
        {'imu': shared_path('cases/_shared/imu.csv'), 'pose': pose}
    )
    assert not answer['abstained'], answer['reason']
    assert answer['confidence'] > 0.95
    assert answer['offset_s'] == pytest.approx(OFFSET, abs=0.02)
