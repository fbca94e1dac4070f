"""A stranger's reader works wherever the package reads a file."""

import json

import numpy as np
import pytest
from raw_tables import mmpose_frames, people, write_mapping

from mobind_mm.apis.sources import to_recording
from mobind_mm.readers import base, check_reader, convert
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import read_imu


@pytest.fixture
def watch(tmp_path, monkeypatch):
    """The reader, registered by its import, and a file of it."""
    monkeypatch.setattr(base, '_READERS', base.readers())
    monkeypatch.syspath_prepend(str(__file__.rpartition('/')[0]))
    import watch_reader

    base.register_reader(watch_reader.WatchReader)
    path = tmp_path / 'anna.dat'
    path.write_text('WATCH 50\n' + '0 0 1\n0 1 0\n' * 100)
    return path


def test_it_fulfils_the_contract(watch, tmp_path):
    check_reader(base.get_reader('watch')(watch), tmp_path / 'dst')


def test_its_files_are_recognised(watch):
    """``mobind sync --imu FILE`` reads with this function."""
    stream = read_imu_file(watch)['right_wrist']
    assert stream.clock.rate == 50 and stream.clock.num_samples == 200
    np.testing.assert_allclose(stream.channels['acc'][0], [0, 0, 9.80665])
    for source in ({'imu': {'file': str(watch)}}, watch, str(watch)):
        assert list(to_recording(source).imu) == ['right_wrist']


def test_a_mapping_names_it(watch, tmp_path):
    (recording,) = people(seconds=4.0)
    frames = mmpose_frames(recording.pose)
    (tmp_path / 'anna.json').write_text(json.dumps(frames))
    head = {'file': 'anna.dat', 'format': 'watch', 'start_s': 0.5}
    content = {
        'takes': [
            {
                'take': 'anna',
                'subject': 'anna',
                'split': 'train',
                'imu': {'head': head},
                'pose': {
                    'file': 'anna.json',
                    'format': 'mmpose',
                    'img_shape': list(recording.pose.img_shape),
                    'rate': 30,
                },
            }
        ]
    }
    mapping = write_mapping(tmp_path / 'lab.yml', content)
    check_reader(OwnDataReader(mapping), tmp_path / 'dst')
    done = convert(OwnDataReader(mapping), tmp_path / 'dst')
    assert done.entries['train'] == 1
    note = f'{mapping}: takes[0].imu.head: the watch has no gyroscope'
    assert note in done.notes
    stream = read_imu(tmp_path / 'dst/imu/anna.safetensors')['head']
    assert stream.clock.start == 0.5
    again = convert(OwnDataReader(mapping), tmp_path / 'dst2', workers=2)
    assert again == done
    head['format'] = 'wach'
    write_mapping(mapping, content)
    with pytest.raises(ValueError, match=r"format: 'wach'.*mean 'watch'"):
        convert(OwnDataReader(mapping), tmp_path / 'dst')
