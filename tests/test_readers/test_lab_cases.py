"""Exports as people posted them: no mapping, one command."""

import json
import sys

import pytest
from shared import shared_path

from mobind_mm.cli.main import main
from mobind_mm.readers.sensors import read_imu_file

EARLY = 0.019371
"""Seconds before the video at which the sensors start."""
OFFSETS = {
    '01_xsens_dot_realtime/dot_wrap.csv': 4279.967296 + EARLY,
    '01_xsens_dot_realtime/dot_offline.csv': 2974.023062 + EARLY,
    '01_xsens_dot_realtime/dot_latin1.csv': 3343.444552 + EARLY,
    '02_xsens_mtw_txt/mtw_lost.txt': 0.017,
    '02_xsens_mtw_txt/mtw_wrap.txt': 0.017,
    # The first packet of three arrived 20 ms after its first sample.
    '04_metawear_bursts/RW_Accelerometer.csv': 1560463956.71 + EARLY,
    '07_polar/ACC.txt': 1546312803.217,
    '07_polar': 1546312803.217,
    '12_raw_counts/e4_ACC.csv': 1470000000 + EARLY,
}
SENSORS = {
    '01_xsens_dot_realtime/dot_wrap.csv': ('RW', 'acc quat', 1900),
    '01_xsens_dot_realtime/dot_offline.csv': ('RW', 'acc gyro quat', 1490),
    '02_xsens_mtw_txt/mtw_lost.txt': ('mtw_lost', 'acc gyro quat', 3900),
    '04_metawear_bursts/RW_Gyroscope.csv': ('RW', 'acc gyro', 590),
    '07_polar/GYRO.txt': ('polar', 'acc gyro', 590),
}


@pytest.mark.slow
@pytest.mark.parametrize('name', OFFSETS)
def test_offset_is_right_or_refused(name, tmp_path, capsys, monkeypatch):
    pose = shared_path('cases/_shared/pose.json')
    arguments = ['sync', '--imu', str(shared_path(f'cases/{name}'))]
    arguments += ['--placement', 'right_wrist', '--pose', str(pose)]
    arguments += ['--fps', '30', '--img-shape', '1080', '1920']
    arguments += ['--out-dir', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', ['mobind', *arguments])
    try:
        main()
    except SystemExit as ended:
        assert ended.code in (None, 0, 1), capsys.readouterr().err
    found = json.loads((tmp_path / 'sync.json').read_text())
    assert found['abstained'] or (
        abs(found['offset_s'] - OFFSETS[name]) < 0.02
    )
    assert not found['abstained'] or name.startswith('12')


@pytest.mark.parametrize('name', SENSORS)
def test_sensors_of_the_file(name):
    sensor, channels, num = SENSORS[name]
    streams = read_imu_file(shared_path(f'cases/{name}'))
    (stream,) = streams.values()
    assert list(streams) == [sensor]
    assert sorted(stream.channels) == channels.split()
    assert stream.clock.num_samples >= num * 0.95
