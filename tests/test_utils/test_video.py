"""Frame times, rotation and sound of videos, by PyAV and by OpenCV."""

import numpy as np
import pytest
from raw_videos import write_video as write

from mobind_mm.utils import video
from mobind_mm.utils.video import (
    frame_times,
    open_video,
    read_frames,
    video_facts,
)
from mobind_mm.utils.video_writing import writing_video

av = pytest.importorskip('av')
UNEVEN = np.array([0, 33, 67, 100, 200, 260, 293]) / 1000


@pytest.fixture(params=['av', 'cv2'])
def reading(request, monkeypatch):
    """Both ways to read a video."""
    if request.param == 'cv2':
        pytest.importorskip('cv2')
        monkeypatch.setattr(video, 'find_spec', lambda name: None)
    video._read_facts.cache_clear()
    yield request.param
    video._read_facts.cache_clear()


def test_times_are_those_at_which_frames_are_shown(tmp_path, reading):
    """Though they are stored in another order, and begin at 1 s."""
    path = write(tmp_path / 'a.mp4', UNEVEN)
    facts = video_facts(path)
    np.testing.assert_allclose(facts.times, UNEVEN, atol=1e-4)
    assert not facts.constant
    assert facts.rate == pytest.approx(6 / 0.293, rel=1e-4)
    assert facts.has_audio is (False if reading == 'av' else None)
    assert len(facts.notes) == (reading == 'cv2')


def test_constant_rate_is_the_exact_one(tmp_path, reading):
    path = tmp_path / 'a.mp4'
    with writing_video(path, 30000 / 1001, (64, 48)) as add:
        for value in range(40):
            add(np.full((48, 64, 3), value, np.uint8))
    facts = video_facts(path)
    assert facts.constant
    assert facts.rate == pytest.approx(30000 / 1001, rel=1e-4)
    assert facts.duration == pytest.approx(40 * 1001 / 30000, abs=1e-3)


@pytest.mark.parametrize('turn', [0, 90, 180, 270])
def test_images_are_upright(tmp_path, reading, turn):
    """A turn by 90 degrees counterclockwise takes the spot downwards."""
    path = write(tmp_path / 'a.mp4', UNEVEN, turn)
    facts = video_facts(path)
    assert facts.rotation == turn
    assert facts.img_shape == ((64, 32) if turn % 180 else (32, 64))
    index, image = next(read_frames(path))
    assert (index, image.shape[:2]) == (0, facts.img_shape)
    quarters = image.reshape(2, facts.img_shape[0] // 2, 2, -1).mean((1, 3))
    brightest = np.unravel_index(quarters.argmax(), (2, 2))
    assert brightest == {0: (0, 0), 90: (1, 0), 180: (1, 1), 270: (0, 1)}[turn]


def test_any_frame_can_be_asked_for(tmp_path, reading):
    path = write(tmp_path / 'a.mp4', UNEVEN)
    with open_video(path) as opened:
        for index in (3, 4, 6, 0, 5):
            corner = opened.frame(index)[-8:, -8:].mean()
            assert corner == pytest.approx(25 * index, abs=10)
        assert opened.frame(7) is None
        assert opened.frame_at(0.15)[-1, -1].mean() == pytest.approx(
            75, abs=10
        )
    rest = [index for index, _ in read_frames(path, 4)]
    assert rest == [4, 5, 6]


def test_frames_at_one_time_are_spread_and_said():
    facts = video._facts(
        'a.mp4', np.array([0, 0.04, 0.04, 0.12, 0.12]), 25, (4, 4), 0, None
    )
    np.testing.assert_allclose(facts.times, [0, 0.04, 0.08, 0.12, 0.16])
    assert '2 frames have the time of the frame before' in facts.notes[0]


def test_whole_milliseconds_are_a_constant_rate():
    times = np.round(np.arange(1000) / 29.97, 3)
    facts = video._facts('a.mkv', times, 29.97, (4, 4), 0, False)
    assert facts.constant
    dropped = np.delete(times, 500)
    assert not video._facts('a.mkv', dropped, 29.97, (4, 4), 0, 0).constant


def test_changed_file_is_read_again(tmp_path):
    path = write(tmp_path / 'a.mp4', UNEVEN)
    assert len(frame_times(path)) == 7
    write(path, UNEVEN[:4])
    assert len(frame_times(path)) == 4


@pytest.mark.parametrize('content', [b'', b'time,x\n1,2\n' * 99, bytes(5000)])
def test_other_files_are_refused(tmp_path, reading, content):
    path = tmp_path / 'a.mp4'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.mp4: .* cannot read it as a'):
        frame_times(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no video .*b\.mp4'):
        frame_times(tmp_path / 'b.mp4')


def test_sound_goes_along(tmp_path):
    """The tone begins 0.5 s after the first frame; the copy at 0.3 s."""
    times = np.arange(40) / 25
    source = write(tmp_path / 'a.mp4', times, sound=True)
    assert video_facts(source).has_audio
    copy = tmp_path / 'b.mp4'
    with writing_video(copy, 25, (64, 48), (source, 0.3, 0.8)) as add:
        for time in np.arange(20) / 25:
            add(np.zeros((48, 64, 3), np.uint8), time)
    assert video_facts(copy).has_audio
    with av.open(str(copy)) as container:
        rate = container.streams.audio[0].rate
        blocks = [
            (block.time, block.to_ndarray()[0])
            for block in container.decode(audio=0)
        ]
    at = np.concatenate([t + np.arange(len(v)) / rate for t, v in blocks])
    loud = at[np.abs(np.concatenate([v for _, v in blocks])) > 0.2]
    assert loud[0] == pytest.approx(0.2, abs=0.01)
    # A block of the source lasts 0.128 s.
    assert loud[-1] == pytest.approx(0.8, abs=0.13)


def test_damaged_copies_are_read_or_refused(tmp_path):
    """Cut short, or with other bytes."""
    whole = write(tmp_path / 'a.mp4', UNEVEN, 90, sound=True).read_bytes()
    rng = np.random.default_rng(0)
    outcomes = set()
    for number in range(60):
        content = bytearray(whole)
        if number % 3:
            places = rng.integers(0, len(content), rng.integers(1, 30))
            for place in places:
                content[place] = rng.integers(256)
        else:
            del content[rng.integers(len(content)) :]
        path = tmp_path / f'{number}.mp4'
        path.write_bytes(content)
        try:
            times = frame_times(path)
            outcomes.add(len(list(read_frames(path))))
            assert (np.diff(times) > 0).all()
        except ValueError as error:
            assert path.name in str(error)
            outcomes.add('refused')
    assert {7, 'refused'} <= outcomes
