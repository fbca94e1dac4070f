"""Tables that nobody described: read if what they hold is evident."""

import datetime

import numpy as np
import pytest
from deliberate import recordings

from mobind_mm.apis.sources import to_imu
from mobind_mm.checks.guessing import guess_mapping
from mobind_mm.readers.sensors import read_imu_file

G = 9.80665
DEG = 180 / np.pi
AXES = ('ax', 'ay', 'az', 'gx', 'gy', 'gz')
MIXED = ('ax [g]', 'ay [g]', 'az [mg]')


@pytest.fixture(scope='module')
def stream():
    """Sensor on the left wrist, 30 s."""
    found = recordings(('left_wrist',), take_sec=30.0, num_takes=1)
    return next(iter(found.values())).imu['left_wrist']


def write(path, stream, names, rows=lambda table: table, above=()):
    """A table of times, acceleration and angular rate."""
    times = stream.clock.at()[:, None]
    table = np.hstack([times, stream.channels['acc'], stream.channels['gyro']])
    lines = [*above, ','.join(names)]
    lines += [','.join(f'{x:.15g}' for x in row) for row in rows(table)]
    path.write_text('\n'.join(lines) + '\n')
    return path


def scaled(*factors):
    """Times, acceleration and angular rate in other units."""
    return lambda table: table * np.repeat(factors, (1, 3, 3))


@pytest.mark.parametrize(
    ('names', 'rows', 'above'),
    [
        (('timestamp', *AXES), scaled(1, 1, 1), ()),
        (('t_ms', *AXES), scaled(1000, 1 / G, DEG), ()),
        (('time', *AXES), scaled(1e9, 1000 / G, 1), ('# device 7',)),
        (
            (
                'Time (s)',
                *(f'Acc {x} (g)' for x in 'XYZ'),
                *(f'Gyro {x} (deg/s)' for x in 'XYZ'),
            ),
            scaled(1, 1 / G, DEG),
            (),
        ),
    ],
)
def test_units_that_show(tmp_path, stream, names, rows, above):
    path = write(tmp_path / 'a.csv', stream, names, rows, above)
    read = to_imu({'file': path, 'placement': 'left_wrist'})['left_wrist']
    for channel in ('acc', 'gyro'):
        np.testing.assert_allclose(
            read.channels[channel], stream.channels[channel], rtol=1e-4
        )
    np.testing.assert_allclose(
        read.clock.at(), stream.clock.at(), rtol=0, atol=1e-3
    )
    assert 'by names and values' in read.notes[0]


def test_a_date_and_a_time_of_day_in_two_columns(tmp_path, stream):
    """Together they are seconds since 1970, across midnight."""
    path = write(tmp_path / 'a.csv', stream, ('Time', *AXES))
    begin = datetime.datetime(
        2024, 4, 30, 23, 59, 50, tzinfo=datetime.timezone.utc
    )
    names, *rows = path.read_text().splitlines()
    lines = [f'Date,{names}']
    for row in rows:
        second, _, rest = row.partition(',')
        moment = begin + datetime.timedelta(seconds=float(second))
        lines.append(f'{moment:%d.%m.%Y},{moment:%H:%M:%S.%f},{rest}')
    path.write_text('\n'.join(lines))
    read = to_imu({'file': path, 'placement': 'left_wrist'})['left_wrist']
    np.testing.assert_allclose(
        read.clock.at() - begin.timestamp(), stream.clock.at(), atol=1e-3
    )
    assert any("dates in column 'Date'" in note for note in read.notes)


def test_sensors_by_their_names(tmp_path, stream):
    names = [
        f'right_shank_{kind}_{x}' for kind in ('acc', 'gyro') for x in 'xyz'
    ]
    path = write(tmp_path / 'a.csv', stream, ('epoch', *names))
    assert [*to_imu(path)] == ['right_shank']


def test_columns_of_sensors_and_axes_without_a_channel(tmp_path, stream):
    names = [f'{place}_{x}' for place in ('back', 'left_thigh') for x in 'xyz']
    path = write(
        tmp_path / 'S006.csv',
        stream,
        ('time', *names),
        lambda table: table[:, [0, 1, 2, 3, 3, 1, 2]],
    )
    read = to_imu({'file': path, 'placement': {'back': 'pelvis'}})
    assert [*read] == ['pelvis', 'left_thigh']
    acc = stream.channels['acc']
    np.testing.assert_allclose(read['pelvis'].channels['acc'], acc, 0, 1e-4)
    np.testing.assert_allclose(
        read['left_thigh'].channels['acc'], acc[:, [2, 0, 1]], 0, 1e-4
    )
    path = path.rename(tmp_path / 'Segment Position.csv')
    with pytest.raises(ValueError, match='no acceleration'):
        to_imu(path)


def test_many_columns_without_names_may_be_of_anything(tmp_path, stream):
    path = write(
        tmp_path / 'a.dat', stream, (), lambda table: np.tile(table, 3)
    )
    with pytest.raises(ValueError, match='21 columns without names'):
        to_imu({'file': path, 'placement': 'left_wrist'})
    write(path, stream, (), lambda table: table[:, [0, 4, 5, 6]] * 0.01)
    with pytest.raises(ValueError, match='4 columns without .* numbers from'):
        to_imu({'file': path, 'placement': 'left_wrist'})


def test_a_row_of_units_below_our_own_names(tmp_path, stream):
    names = [
        f'left_wrist_{kind}_{x}' for kind in ('acc', 'gyro') for x in 'xyz'
    ]
    path = write(tmp_path / 'a.csv', stream, ('time', *names))
    head, _, rest = path.read_text().partition('\n')
    path.write_text(f'{head}\ns{",m/s^2" * 3}{",rad/s" * 3}\n{rest}')
    with pytest.raises(ValueError, match='row 2: gives units'):
        read_imu_file(path)
    read = to_imu(path)['left_wrist']
    np.testing.assert_allclose(
        read.channels['acc'], stream.channels['acc'], rtol=1e-4
    )


@pytest.mark.parametrize('row', ['', ',' * 6, 'nan' + ',NaN' * 6])
def test_empty_rows_below_our_own_names_are_no_units(tmp_path, stream, row):
    """A sensor that starts later than another was refused for its units."""
    names = [f'left_wrist_{k}_{x}' for k in ('acc', 'gyro') for x in 'xyz']
    path = write(tmp_path / 'a.csv', stream, ('time', *names))
    head, _, rest = path.read_text().partition('\n')
    path.write_text(f'{head}\n{row}\n{row}\n{rest}')
    read = read_imu_file(path)['left_wrist']
    assert read.clock.num_samples == 3200 and not read.notes
    path.write_text(f'{head}\n{row}\ns{",m/s^2" * 3}{",rad/s" * 3}\n{rest}')
    with pytest.raises(ValueError, match='row 3: gives units'):
        read_imu_file(path)


def test_units_in_a_row_of_their_own(tmp_path, stream):
    """A gyroscope that hardly turns does not show its unit."""
    still = scaled(1, 1 / G, 0.002 * DEG)
    path = write(tmp_path / 'a.csv', stream, ('time', *AXES), still)
    head, _, rest = path.read_text().partition('\n')
    path.write_text(f'{head}\n\ns{",(g)" * 3}{",deg/s" * 3}\n{rest}')
    read = to_imu({'file': path, 'placement': 'left_wrist'})['left_wrist']
    np.testing.assert_allclose(
        read.channels['gyro'], 0.002 * stream.channels['gyro'], rtol=1e-4
    )


@pytest.mark.parametrize('value', [99999.0, -999.0, 1e30])
@pytest.mark.parametrize('unit', [1.0, 1 / G])
def test_values_that_stand_for_none(tmp_path, stream, value, unit):
    def spiked(table):
        table = scaled(1, unit, DEG)(table)
        table[500::97, 2] = value
        return table

    path = write(tmp_path / 'a.csv', stream, ('time', *AXES), spiked)
    read = to_imu({'file': path, 'placement': 'left_wrist'})['left_wrist']
    kept = np.delete(
        np.asarray(stream.channels['acc']), slice(500, None, 97), 0
    )
    np.testing.assert_allclose(read.channels['acc'], kept, rtol=1e-4)
    assert any('no sensor gives' in note for note in read.notes)


def test_packets_numbered_by_their_first_row(tmp_path, stream):
    def sent(table):
        rows = np.arange(len(table)) // 5 * 5
        stamps = np.ceil(table[rows + 4, 0] / 0.04875) * 0.04875
        table = np.c_[stamps, rows, table[:, 1:]]
        return table[np.random.default_rng(0).random(640)[rows // 5] > 0.05]

    names = ('time', 'sample_index', *AXES)
    path = write(tmp_path / 'a.csv', stream, names, sent)
    read = to_imu({'file': path, 'placement': 'left_wrist'})['left_wrist']
    numbers = np.arange(3200).reshape(640, 5)
    kept = numbers[np.random.default_rng(0).random(640) > 0.05].ravel()
    late = read.clock.at() - stream.clock.at()[kept]
    np.testing.assert_allclose(late, late[0], atol=1e-3)
    reasons = guess_mapping(path).reasons
    assert reasons['columns.counter'].startswith('it counts the packets')
    assert reasons['units.time'].startswith('steps of 0.010')


def moving(table):
    """Rows of a sensor that never rests, in a unit that nobody said."""
    table = table.copy()
    turn = 2 * np.pi * 1.7 * table[:, 0]
    for axis, (size, phase) in enumerate(((40, 0), (35, 1), (30, 2)), 1):
        table[:, axis] += size * np.sin(turn * (1 + 0.3 * axis) + phase)
    return table


def swapped(table):
    """Rows of which every fifth stands before the one before it."""
    table = table.copy()
    table[3::5], table[4::5] = table[4::5].copy(), table[3::5].copy()
    return table * [1, 0.31, *[1] * 5]


@pytest.mark.parametrize(
    ('names', 'rows', 'said'),
    [
        (AXES, lambda table: table[:, 1:], 'no times were found'),
        (('time', *AXES), moving, 'never rests|no unit explains'),
        (('time', *AXES), scaled(1, 0.31, 1), 'unit of acc'),
        (('time', *MIXED, *AXES[3:]), scaled(1, 1, 1), 'several'),
        (('time', *AXES), swapped, "'time' goes back in 20%"),
        (('time', *AXES[:3]), scaled(32768, 1, 1), 'unit of time .*slower'),
    ],
)
def test_doubts_are_refused(tmp_path, stream, names, rows, said):
    path = write(tmp_path / 'a.csv', stream, names, rows)
    with pytest.raises(ValueError, match=said) as error:
        to_imu({'file': path, 'placement': 'left_wrist'})
    assert 'a.csv' in str(error.value)
    assert 'inspect' in str(error.value)


def test_a_placement_is_needed(tmp_path, stream):
    path = write(tmp_path / 'a.csv', stream, ('time', *AXES))
    with pytest.raises(ValueError, match='Give --placement'):
        to_imu(path)


def test_an_error_of_our_own_table_stays(tmp_path, stream):
    names = [
        f'left_wrist_{kind}_{x}' for kind in ('acc', 'gyro') for x in 'xyz'
    ]
    path = write(
        tmp_path / 'a.csv',
        stream,
        ('time', *names),
        lambda table: np.random.default_rng(0).permutation(table),
    )
    with pytest.raises(ValueError, match='its time goes back'):
        to_imu(path)


def test_days_of_a_spreadsheet(tmp_path, stream):
    def days(table):
        table = table.copy()
        table[:, 0] = 45_413 + table[:, 0] / 86_400
        return table

    names = [
        f'left_wrist_{kind}_{x}' for kind in ('acc', 'gyro') for x in 'xyz'
    ]
    path = write(tmp_path / 'b.csv', stream, ('time', *names), days)
    read = to_imu(path)['left_wrist']
    first = (45_413 - 25_569) * 86_400
    times = first + stream.clock.at()
    np.testing.assert_allclose(read.clock.at(), times, atol=1e-3)
    assert any('as spreadsheets do' in note for note in read.notes)


def test_days_without_their_last_digits(tmp_path, stream):
    """Five digits are 0.864 s, to which times are rounded, not cut."""
    path = write(tmp_path / 'a.csv', stream, ('time', *AXES))
    names, *rows = path.read_text().splitlines()
    cells = [row.partition(',') for row in rows]
    rows = [f'{45_413 + float(t) / 86_400:.5f},{rest}' for t, _, rest in cells]
    path.write_text('\n'.join([names, *rows]))
    read = to_imu({'file': path, 'placement': 'left_wrist'})['left_wrist']
    first = (45_413 - 25_569) * 86_400
    np.testing.assert_allclose(
        read.clock.at() - first, stream.clock.at(), atol=0.1
    )
    assert any('up to 0.432 s off' in note for note in read.notes)


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'PK\x03\x04....', 'workbook'),
        (b'\x1f\x8b....', 'compressed'),
        (b'[{"time": 1}]', 'JSON'),
        (b'', 'empty'),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, said):
    path = tmp_path / 'a.csv'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_imu_file(path)


def table(path, change=lambda row, cells: cells, names=''):
    """A table with our own names of columns, in evident other units."""
    rng = np.random.default_rng(0)
    axes = [f'_{kind}_{axis}' for kind in ('acc', 'gyro') for axis in 'xyz']
    own = ','.join(['time', *(f'left_wrist{end}' for end in axes)])
    lines = [names or own]
    for row in range(300):
        values = rng.normal((0, 0, 1, 0, 0, 0), (*[0.01] * 3, *[80] * 3))
        cells = [f'{row / 100}', *(f'{x:.4f}' for x in values)]
        lines.append(','.join(change(row, cells)))
    path.write_text('\n'.join(lines))
    return path


def cell(wanted, text):
    """Change one cell of the first axis, or all of them."""

    def change(row, cells):
        if wanted in (row, None):
            cells[1] = text.format(cells[1])
        return cells

    return change


FOREIGN = 'time,ax,ay,az,gx,gy,gz'


@pytest.mark.parametrize('names', ['', FOREIGN])
@pytest.mark.parametrize(
    'change',
    [*(cell(9, 'inf'), cell(200, 'oops'), cell(3, '1_0')), cell(None, '{} g')],
)
def test_a_bad_cell_does_not_cost_a_channel(tmp_path, names, change):
    path = table(tmp_path / 'a.csv', change, names)
    with pytest.raises(ValueError, match=r'a\.csv.*(not a number|doubt)'):
        to_imu({'file': path, 'placement': 'left_wrist'})


def test_a_number_that_no_sensor_gives_is_left_out(tmp_path):
    path = table(tmp_path / 'a.csv', cell(5, '1e30'))
    (stream,) = to_imu({'file': path, 'placement': 'left_wrist'}).values()
    assert np.abs(stream.channels['acc'][:]).max() < 200
    assert [note for note in stream.notes if '1e+30' in note]


@pytest.mark.parametrize(
    'names',
    [
        FOREIGN.replace('ax', 'hm'),
        'time,left_wrist_hm_x,left_wrist_acc_y,left_wrist_acc_z,'
        'left_wrist_gyro_x,left_wrist_gyro_y,left_wrist_gyro_z',
    ],
)
def test_a_name_that_is_misspelt_does_not_cost_a_channel(tmp_path, names):
    path = table(tmp_path / 'a.csv', names=names)
    with pytest.raises(ValueError, match='third axis|but none'):
        to_imu({'file': path, 'placement': 'left_wrist'})
