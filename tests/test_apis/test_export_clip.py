"""``clip.mp4``: its frames, sound and table, decoded by PyAV."""

import numpy as np
import pandas as pd
import pytest
from raw_videos import write_video

from mobind_mm.apis.exports import Take, write_exports
from mobind_mm.recordings import Clock, SensorStream
from mobind_mm.utils.video import frame_times
from mobind_mm.utils.video_writing import trim_video

av = pytest.importorskip('av')
TIMES = np.cumsum(np.r_[0, np.tile([0.03, 0.05], 30)])  # not even, 2.4 s


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('video') / 'take.mp4'
    return write_video(path, TIMES, sound=True)


def onset(path):
    """Second after the first frame at which the tone begins."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        audio = container.streams.audio[0]
        codec = audio.codec_context.name
        for frame in container.decode(audio):
            loud = np.abs(frame.to_ndarray()[0]) > 0.1
            if loud.any():
                late = int(np.argmax(loud)) / frame.sample_rate
                return frame.time + late - first, codec
    return None, codec


def test_frames_and_sound_keep_their_times(video, tmp_path):
    path = tmp_path / 'clip.mp4'
    first, stop, notes = trim_video(video, path, 0.2, 1.61)
    assert TIMES[first] <= 0.2 < TIMES[first + 1]
    assert TIMES[stop - 1] <= 1.61 < TIMES[stop] and notes == []
    expected = TIMES[first:stop] - TIMES[first]
    assert np.allclose(frame_times(path), expected, atol=0.0011)
    with av.open(str(path)) as container:
        images = [
            float(frame.to_ndarray(format='gray')[20:, 40:].mean())
            for frame in container.decode(video=0)
        ]
    shades = 25 * np.arange(first, stop) % 250
    assert np.abs(np.array(images) - shades).max() < 12
    before, codec = onset(video)
    after, copied = onset(path)
    assert codec.startswith('aac') and copied.startswith('aac')
    assert before == pytest.approx(0.5, abs=0.13)
    assert after == pytest.approx(before - TIMES[first], abs=0.002)


def test_the_clip_has_its_table(video, tmp_path):
    own = np.arange(0, 10, 0.01)
    imu = {
        'head': SensorStream(
            Clock(len(own), times=own), {'acc': own[:, None] * [1, 1, 1]}
        )
    }
    clock = {'video_s': [0.0, 1.0], 'offset_s': [-0.4, -0.4]}
    answer = {
        'offset_s': -0.4,
        'drift_ppm': 0.0,
        'abstained': False,
        'clock': clock,
    }
    take = Take(imu, answer, frame_times(video), None, video)
    files, notes = write_exports(['video'], take, tmp_path)
    table = pd.read_csv(tmp_path / 'clip.csv')
    assert np.allclose(table['time'], frame_times(files[0]), atol=0.0011)
    assert table['video_time'].iloc[0] == pytest.approx(0.4, abs=0.05)
    assert table['video_time'].iloc[0] >= 0.4
    assert np.allclose(table['head_acc_x'], table['video_time'] - 0.4)
    assert 'second 0 is second' in notes[-1]


def test_a_part_that_is_not_there(video, tmp_path):
    with pytest.raises(ValueError, match='has no frame from 5.000'):
        trim_video(video, tmp_path / 'clip.mp4', 5.0, 6.0)
    assert not (tmp_path / 'clip.mp4').exists()
