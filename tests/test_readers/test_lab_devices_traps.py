"""What the clocks, names and folders of laboratory sensors get up to."""

import re

import numpy as np
import pytest
import raw_devices as raw

from mobind_mm.readers.base import get_reader, recognize
from mobind_mm.readers.placing import placement_in
from mobind_mm.readers.sensors import read_imu_file

ONE = raw.motion()


def read(path, **options):
    """The only sensor of a file or folder, by its format."""
    (stream,) = recognize(path)(path, **options).read_imu().values()
    return stream


def lost(num=400, share=0.3, seed=0):
    """Indices of samples of which some are lost, not the ends."""
    rng = np.random.default_rng(seed)
    keep = rng.random(num) >= share
    keep[[0, -1]] = True
    return np.flatnonzero(keep)


def test_dot_counts_beyond_32_bits(tmp_path):
    start = 2**32 - 1_000_000
    wrapped = read(raw.write_dot(tmp_path / 'a.csv', ONE, start=start))
    plain = read(raw.write_dot(tmp_path / 'b.csv', ONE, start=2_000_000))
    for stream in (wrapped, plain):
        steps = np.diff(stream.clock.at())
        np.testing.assert_allclose(steps, 0.01, atol=1e-7)
    for name, values in plain.channels.items():
        assert np.array_equal(wrapped.channels[name], values)
    assert any(
        '4294967296' in n or 'start' in n or 'wrap' in n for n in wrapped.notes
    ), wrapped.notes


def test_lost_packets_of_dot_are_gaps(tmp_path):
    rows = lost()
    stream = read(raw.write_dot(tmp_path / 'a.csv', ONE.part(rows), 'quat'))
    times = stream.clock.at()
    np.testing.assert_allclose(times - times[0], ONE.times[rows], atol=1e-6)
    np.testing.assert_allclose(
        stream.channels['acc'], ONE.free[rows], atol=1e-5
    )
    assert any('lost' in note for note in stream.notes), stream.notes


def test_dot_without_times_counts_packets(tmp_path):
    path = raw.write_dot(tmp_path / 'a.csv', ONE)
    text = re.sub(r'(?m)^(\d+),\d+,', r'\1,,', path.read_text())
    path.write_text(text)
    times = read(path).clock.at()
    np.testing.assert_allclose(np.diff(times), 0.01, atol=1e-9)


def test_lines_of_the_dot_sdk_end_in_commas(tmp_path):
    path = raw.write_dot(tmp_path / 'a.csv', ONE, newline='\r\n')
    text = path.read_text().replace('RW\n', 'RW,,,,,\n')
    path.write_text(text.replace('StartTime: ,', 'StartTime:,'))
    assert list(get_reader('xsens_dot')(path).describe()) == ['RW']
    np.testing.assert_allclose(read(path).channels['acc'], ONE.acc, atol=1e-5)


def test_a_dot_file_that_excel_saved(tmp_path):
    path = raw.write_dot(tmp_path / 'a.csv', ONE, encoding='cp1252')
    np.testing.assert_allclose(read(path).channels['acc'], ONE.acc, atol=1e-5)


def test_five_dots_with_one_tag_are_named_by_their_files(tmp_path):
    for number in range(5):
        raw.write_dot(tmp_path / f'dot_{number}.csv', ONE, tag='Xsens DOT')
    (tmp_path / 'notes.csv').write_text('a,b\n1,2\n')
    (tmp_path / 'day_2').mkdir()
    streams = read_imu_file(tmp_path)
    assert list(streams) == [f'dot_{n}' for n in range(5)]
    (note,) = streams['dot_0'].notes
    assert "2 other files are not read: 'notes.csv', 'day_2/'" in note
    kind = get_reader('xsens_dot')
    worn = {'dot_0': 'head', 'dot_3': 'left wrist'}
    found = kind(tmp_path, placement=worn).read_imu()
    assert list(found) == ['head', 'dot_1', 'dot_2', 'left_wrist', 'dot_4']
    with pytest.raises(ValueError, match=r'5 sensors \(dot_0, dot_1'):
        kind(tmp_path, placement='head').read_imu()
    with pytest.raises(ValueError, match="no sensor 'dot_9'"):
        kind(tmp_path, placement={'dot_9': 'head'}).read_imu()


def test_a_placement_that_is_given_wins_over_the_name(tmp_path):
    path = raw.write_dot(tmp_path / 'left_wrist.csv', ONE)
    kind = get_reader('xsens_dot')
    ((name, stream),) = kind(path).read_imu().items()
    assert name == 'left_wrist'
    assert 'left_wrist, by the name' in stream.notes[0]
    ((name, stream),) = kind(path, placement='right_knee').read_imu().items()
    assert (name, stream.notes) == ('right_knee', ())
    given = {'left_wrist': 'right_knee'}
    ((name, _),) = kind(path, placement=given).read_imu().items()
    assert name == 'right_knee'


def test_lost_packets_and_the_wrap_of_mtw(tmp_path):
    rows = lost(share=0.1)
    rows = rows[(rows < 150) | (rows > 220)]  # a burst is lost
    counter = 65536 - 100 + rows
    path = raw.write_mtw(tmp_path / 'a.txt', ONE.part(rows), counter=counter)
    stream = read(path)
    times = stream.clock.at()
    np.testing.assert_allclose(times - times[0], ONE.times[rows], atol=1e-9)
    assert any('lost' in note for note in stream.notes), stream.notes


def test_rows_of_lost_packets_may_be_empty(tmp_path):
    path = raw.write_mtw(tmp_path / 'a.txt', ONE)
    lines = path.read_text().split('\n')
    first = next(i for i, t in enumerate(lines) if t.startswith('00000'))
    gone = [50, 51, 200]
    for row in gone:
        cells = lines[first + row].split('\t')
        lines[first + row] = '\t'.join([cells[0], *[''] * (len(cells) - 1)])
    path.write_text('\n'.join(lines))
    stream = read(path)
    rows = np.setdiff1d(np.arange(400), gone)
    times = stream.clock.at()
    np.testing.assert_allclose(times - times[0], ONE.times[rows], atol=1e-9)
    np.testing.assert_allclose(
        stream.channels['acc'], ONE.acc[rows], atol=1e-5
    )
    assert any('3' in note for note in stream.notes)


def test_mtw_without_any_clock_asks_for_a_rate(tmp_path):
    path = raw.write_mtw(tmp_path / 'a.txt', ONE, rate=None)
    with pytest.raises(ValueError, match='SampleTimeFine is empty.*rate'):
        read(path)
    mapping = {'placement': 'head', 'format': 'xsens_mtw', 'rate': 50}
    times = read_imu_file(path, mapping)['head'].clock.at()
    np.testing.assert_allclose(np.diff(times), 0.02, atol=1e-9)


def test_five_mtw_files_are_five_sensors(tmp_path):
    names = {'00B42D4F': 0, '00B42D5A': 1}
    for name, seed in names.items():
        m = raw.motion(seed=seed)
        raw.write_mtw(tmp_path / f'MT_012005D6_009-001_{name}.txt', m)
    raw.write_mtw(tmp_path / 'walk_right_shank.txt', ONE)
    streams = read_imu_file(tmp_path)
    assert list(streams) == [*names, 'right_shank']
    np.testing.assert_allclose(
        streams['00B42D5A'].channels['acc'], raw.motion(seed=1).acc, atol=1e-5
    )


def test_samples_of_metawear_share_the_stamp_of_their_packet(tmp_path):
    m = raw.motion(num=600)
    stamps = np.repeat(m.times[2::3], 3)  # when the packet arrived
    raw.write_metawear(
        tmp_path / 'S_Accelerometer.csv', stamps, m.acc / raw.G, 'g'
    )
    raw.write_metawear(
        tmp_path / 'S_Gyroscope.csv',
        stamps + 0.004,
        np.rad2deg(m.gyro),
        'deg/s',
    )
    stream = read(tmp_path)
    times = stream.clock.at() - 1.56e9
    wanted = np.column_stack([np.interp(times, m.times, c) for c in m.acc.T])
    found = np.asarray(stream.channels['acc'])
    assert len(times) > 590
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()
    late = np.column_stack(
        [np.interp(times - 0.004, m.times, c) for c in m.gyro.T]
    )
    error = np.abs(np.asarray(stream.channels['gyro']) - late).max()
    assert error < 0.02 * np.abs(late).max()


def test_other_files_of_metawear(tmp_path):
    acc = ONE.acc / raw.G
    path = raw.write_metawear(
        tmp_path / 'S_LinearAcceleration.csv', ONE.times, acc, 'g'
    )
    assert read(path).gravity is False
    path = raw.write_metawear(
        tmp_path / 'S_Magnetometer.csv', ONE.times, acc, 'T'
    )
    stream = read(path.parent)
    assert any('Magnetometer' in note for note in stream.notes)
    other = tmp_path / 'other'
    path = raw.write_metawear(
        other / 'S_Magnetometer.csv', ONE.times, acc, 'T'
    )
    with pytest.raises(ValueError, match=r'S_Magnetometer.csv holds no acc'):
        read(path)


def test_polar_without_motion_says_what_it_is(tmp_path):
    path = raw.write_polar(tmp_path / 'H10_ECG.txt', ONE.times, ONE.acc, 'uV')
    with pytest.raises(ValueError, match=r'H10_ECG.txt holds no .*\(ECG\)'):
        read(path)


def test_polar_times_may_count_from_1970(tmp_path):
    acc = ONE.acc / raw.G * 1000
    start = 1_600_000_000 * 10**9
    path = raw.write_polar(tmp_path / 'A_ACC.txt', ONE.times, acc, 'mg', start)
    np.testing.assert_allclose(
        read(path).clock.at(), 1.6e9 + ONE.times, atol=1e-6
    )


def test_stamps_of_shimmer_are_cut_to_a_millisecond(tmp_path):
    m = raw.motion(num=1000, rate=1024)
    path = raw.write_shimmer(tmp_path / 'a.csv', m)
    text = path.read_text()
    text = re.sub(
        r'(\d\.\d{12})E\+12', lambda t: f'{round(float(t[1]) * 1e12):d}', text
    )
    path.write_text(text)
    times = read(path).clock.at() - 1.59e9
    assert len(times) == 1000
    assert np.abs(times - times.mean() - m.times + m.times.mean()).max() < 6e-4


def test_shimmer_with_two_accelerometers(tmp_path):
    path = raw.write_shimmer(tmp_path / 'a.csv', ONE)
    first, names, units, *rows = path.read_text().split('\n')
    for axis in 'XYZ':
        names += f'Shimmer_40AC_Accel_WR_{axis}_CAL;'
        units += 'm/(s^2);'
    rows = [f'{row}{i};2;3;' if row else row for i, row in enumerate(rows)]
    path.write_text('\n'.join([first, names, units, *rows]))
    stream = read(path)
    np.testing.assert_allclose(stream.channels['acc'][5], [5, 2, 3])
    assert 'wide-range' in stream.notes[0]


def test_raw_counts_of_shimmer_are_refused(tmp_path):
    path = raw.write_shimmer(tmp_path / 'a.csv', ONE)
    text = path.read_text().replace('X_CAL', 'X_RAW').replace('Y_CAL', 'Y_RAW')
    path.write_text(text.replace('Z_CAL', 'Z_RAW'))
    with pytest.raises(ValueError, match='no calibrated acceleration'):
        read(path)


def test_delsys_channels_have_rates_of_their_own(tmp_path):
    m = raw.motion(num=600, rate=148.148)
    path = raw.write_emgworks(tmp_path / 'a.csv', {'Left shank': m})
    stream = read(path)
    np.testing.assert_allclose(stream.clock.at(), m.times, atol=1e-6)
    np.testing.assert_allclose(stream.channels['acc'], m.acc, atol=1e-4)
    assert stream.notes == ()


def test_frames_that_mvnx_lacks_are_gaps(tmp_path):
    rows = np.r_[0:100, 150:400]
    sensors = {'Pelvis': ONE.part(rows)}
    path = raw.write_mvnx(tmp_path / 'a.mvnx', sensors, index=rows)
    stream = read(path)
    np.testing.assert_allclose(stream.clock.at(), ONE.times[rows], atol=1e-9)
    assert any('50' in note for note in stream.notes), stream.notes


BOMB = """<?xml version="1.0"?>
<!DOCTYPE mvnx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<mvnx version="4"><comment>&b;</comment></mvnx>"""
FETCH = """<?xml version="1.0"?>
<!DOCTYPE mvnx [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<mvnx version="4"><comment>&a;</comment></mvnx>"""


@pytest.mark.parametrize('text', [BOMB, FETCH])
def test_entities_of_mvnx_are_refused(text, tmp_path):
    path = tmp_path / 'a.mvnx'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'a.mvnx, line 2.*entity'):
        read(path)


def test_a_frame_of_mvnx_with_a_number_too_few(tmp_path):
    path = raw.write_mvnx(tmp_path / 'a.mvnx', {'Pelvis': ONE})
    text = path.read_text()
    at = text.rindex('<sensorOrientation>') + len('<sensorOrientation>')
    path.write_text(text[:at] + text[at:].split(' ', 1)[1])
    with pytest.raises(ValueError, match=r'has 3 numbers, expected 4'):
        read(path)
    path.write_text(text[:-200])
    with pytest.raises(ValueError, match=r'a.mvnx.*is not complete XML'):
        read(path)


@pytest.mark.parametrize(
    ('name', 'place'),
    [
        ('left_wrist', 'left_wrist'),
        ('P03_RightShank_walk2', 'right_shank'),
        ('RT Upper arm', 'right_upper_arm'),
        ('LeftLowerLeg', 'left_shank'),
        ('L_DorsalFoot', 'left_foot'),
        ('LowerBack', 'pelvis'),
        ('T8', 'sternum'),
        ('left and right wrist', None),
        ('knee', None),
        ('Avanti sensor 1', None),
        ('D422CD00A1B2', None),
    ],
)
def test_placements_in_names(name, place):
    assert placement_in(name) == place


def test_the_encoding_that_mvnx_names_is_not_looked_up(tmp_path):
    path = raw.write_mvnx(tmp_path / 'a.mvnx', {'Pelvis': ONE})
    text = path.read_text().replace('encoding="UTF-8"', 'encoding="UTFK8"')
    path.write_text(text.replace('Suit', 'Jürgen'), encoding='cp1252')
    np.testing.assert_allclose(read(path).channels['acc'], ONE.free, atol=1e-5)
