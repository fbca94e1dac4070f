"""Tables whose clocks, dates, units and encodings are those of devices."""

import copy
import datetime

import numpy as np
import pytest
import yaml
from raw_tables import AXES, people, sensor_columns, times_of, write_csv
from shared import shared_path

from mobind_mm.readers.convert import convert
from mobind_mm.readers.dates import Dates, find_order, parse_date
from mobind_mm.readers.keys import check_keys
from mobind_mm.readers.mapping import Sensor
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.readers.sensors import read_imu_file, read_sensors

MAPPING = {
    'placement': 'right_wrist',
    'columns': {
        'time': 't',
        'acc': ['acc_x', 'acc_y', 'acc_z'],
        'gyro': ['gyro_x', 'gyro_y', 'gyro_z'],
    },
    'units': {'time': 's', 'acc': 'm/s2', 'gyro': 'rad/s'},
    'gravity': 'included',
    'frame': 'sensor',
}
ACC_ONLY = {'columns': {'gyro': None}, 'units': {'gyro': None}}


@pytest.fixture(scope='module')
def stream():
    (recording,) = people(seconds=8.0)
    return recording.imu['right_wrist']


@pytest.fixture
def columns(stream):
    names = ('t', *(f'{c}_{a}' for c in ('acc', 'gyro') for a in AXES))
    given = sensor_columns(stream)
    return {name: given[name] for name in names}


def mapping(**changes):
    changed = copy.deepcopy(MAPPING)
    for key, value in changes.items():
        if isinstance(value, dict) and key in changed:
            value = {**changed[key], **value}
        changed[key] = value
    return {
        key: {k: v for k, v in value.items() if v is not None}
        if isinstance(value, dict)
        else value
        for key, value in changed.items()
        if value is not None
    }


def read(path, **changes):
    (stream,) = read_imu_file(path, mapping(**changes)).values()
    return stream


def check_values(found, stream, rows=slice(None), channels=('acc', 'gyro')):
    for channel in channels:
        np.testing.assert_allclose(
            found.channels[channel],
            stream.channels[channel][:][rows],
            rtol=1e-5,
            atol=1e-5,
        )


# Dates

SHOWN = {
    'days first': '{d:%d/%m/%Y} {d:%H:%M:%S}.{ms:03d}',
    'months first': '{d.month}/{d.day}/{d:%Y} {d:%H:%M:%S}.{ms:03d}',
    'dots': '{d:%d.%m.%Y} {d:%H:%M:%S},{ms:03d}',
    'colon': '{d:%Y-%m-%d %H:%M:%S}:{ms:03d}',
    'all dots': '{d:%Y-%m-%dT%H.%M.%S}.{ms:03d}',
    'zone with a name': '{d:%Y-%m-%d %H:%M:%S}.{ms:03d}+0000 [Europe/London]',
    'half days': '{d:%m/%d/%Y} {d:%I:%M:%S}.{ms:03d} {d:%p}',
    'underscores': '{d:%Y-%m-%d_%H:%M:%S}_{ms:03d} GMT+0',
}


def shown(form, times, begin=datetime.datetime(2015, 6, 22, 12, 56, 6)):
    moments = [begin + datetime.timedelta(seconds=t) for t in times]
    return [form.format(d=d, ms=d.microsecond // 1000) for d in moments]


@pytest.mark.parametrize('form', SHOWN.values(), ids=SHOWN)
def test_dates_of_any_form(columns, stream, tmp_path, form):
    passed = np.arange(len(columns['t'])) / 100
    path = write_csv(
        tmp_path / 'imu.csv', {**columns, 't': shown(form, passed)}, ';'
    )
    found = read(path, units={'time': None}, decimal='.')
    begin = parse_date('2015-06-22T12:56:06Z')
    np.testing.assert_allclose(times_of(found) - begin, passed, atol=1e-3)
    check_values(found, stream)
    assert found.notes == ()


def test_zones(columns, tmp_path):
    passed = np.arange(len(columns['t'])) / 100
    dates = shown(SHOWN['all dots'], passed)
    rest = {name: columns[name] for name in [*columns][1:]}
    path = write_csv(tmp_path / 'imu.csv', {'time (-0700)': dates, **rest})
    time = {'columns': {'time': 'time (-0700)'}, 'units': {'time': None}}
    utc = parse_date('2015-06-22T12:56:06Z')
    named = read(path, **time)
    assert times_of(named)[0] == utc + 7 * 3600
    assert 'zone -0700, as its name says' in named.notes[0]
    london = read(path, **time, timezone='Europe/London')
    assert times_of(london)[0] == utc - 3600
    assert london.notes == ()
    assert times_of(read(path, **time, timezone='+02:00'))[0] == utc - 7200


DAYS = {
    'days first': ('{d:%d/%m/%Y}', {}),
    'months first': ('{d.month}/{d.day}/{d:%Y}', {}),
    'years first': ('{d:%Y-%m-%d}', {}),
    'the start alone': ('2015-12-31', {}),
    'in New York': ('{d:%d.%m.%Y}', {'timezone': 'America/New_York'}),
    'a format': ('{d:%d.%m.%Y}', {'time_format': '%H:%M:%S.%f'}),
}


@pytest.mark.parametrize(('day', 'keys'), DAYS.values(), ids=DAYS)
def test_a_date_beside_the_time_of_day(columns, stream, tmp_path, day, keys):
    """Together they are seconds since 1970, across midnight."""
    passed = np.arange(len(columns['t'])) / 100
    begin = datetime.datetime(2015, 12, 31, 23, 59, 58)
    given = {
        'Date': shown(day, passed, begin),
        **columns,
        't': shown('{d:%H:%M:%S}.{ms:03d}', passed, begin),
    }
    path = write_csv(tmp_path / 'imu.csv', given)
    found = read(path, units={'time': None}, **keys)
    hours = 5 if 'timezone' in keys else 0
    first = parse_date('2015-12-31T23:59:58Z') + 3600 * hours
    np.testing.assert_allclose(times_of(found) - first, passed, atol=1e-3)
    check_values(found, stream)
    assert found.notes[0] == (
        f"{path}: the times of day of column 't' are those of the dates in "
        "column 'Date'"
    )


def test_dates_beside_the_time_of_day_that_do_not_tell(columns, tmp_path):
    """Only the time of day is used, as without the date, and it is told."""
    clock = shown('{d:%H:%M:%S}.{ms:03d}', np.arange(len(columns['t'])) / 100)
    seconds = 12 * 3600 + 56 * 60 + 6
    for name, day, said in (
        ('date', '02/06/2015', 'may be day/month or month/day'),
        ('date', '2015-02-30', None),
        ('birthday', '2015-06-22', None),
        ('Birth date', '1980-05-01', None),
        ('date', 'Monday', None),
    ):
        given = {name: [day] * len(clock), **columns, 't': clock}
        path = write_csv(tmp_path / 'imu.csv', given)
        found = read(path, units={'time': None})
        assert times_of(found)[0] == pytest.approx(seconds)
        told = [said in note for note in found.notes] if said else found.notes
        assert [*told] == ([True] if said else [])
    given['date'] = ['02/06/2015'] * len(clock)
    path = write_csv(tmp_path / 'imu.csv', given)
    found = read(path, units={'time': None}, time_format='dd/mm/yyyy')
    second = parse_date('2015-06-02T12:56:06Z')
    assert times_of(found)[0] == pytest.approx(second, abs=1e-6)
    # A date that the mapping adds itself goes before that of the column.
    found = read(path, units={'time': None}, start_s='2020-01-01T00:00:00Z')
    assert times_of(found)[0] - seconds == parse_date('2020-01-01T00:00:00Z')
    assert found.notes == ()


# Exports that were put together


def put_together(path, columns, at, again=None, delimiter=','):
    """A table with its header, or another line, again before some rows."""
    lines = write_csv(path, columns, delimiter).read_text().splitlines()
    for row in sorted(at, reverse=True):
        lines.insert(row, again or lines[0])
    path.write_text('\n'.join([*lines, '']))
    return path


@pytest.mark.parametrize('delimiter', [',', ' '])
def test_a_header_that_is_repeated(columns, stream, tmp_path, delimiter):
    path = tmp_path / 'imu.csv'
    put_together(path, columns, [301, 501], delimiter=delimiter)
    found = read(path)
    np.testing.assert_allclose(times_of(found), times_of(stream), atol=1e-9)
    check_values(found, stream)
    assert found.notes == (
        f'{path}: the header is repeated 2 times, first in row 302; time '
        'continues, so such rows are left out',
    )
    put_together(path, columns, [301], delimiter=delimiter)
    assert 'repeated once, first in row 302;' in read(path).notes[0]


def test_a_header_that_is_repeated_where_time_starts_over(columns, tmp_path):
    path = put_together(tmp_path / 'imu.csv', columns, [301])
    whole = path.read_text()
    fault = "row 302: column 'acc_x' has 'acc_x', which is not a number"
    path.write_text('\n'.join(whole.splitlines()[:301] * 2))
    with pytest.raises(ValueError, match='row 302: .*time begins again'):
        read(path)
    # Without times nothing shows that it goes on.
    path.write_text(whole)
    with pytest.raises(ValueError, match='row 302: .*no times tell'):
        read(path, columns={'time': None}, units={'time': None}, rate=60.0)
    # Another line is no header.
    other = ','.join([*[*columns][:-1], 'gyro_Z'])
    put_together(path, columns, [301], other)
    with pytest.raises(ValueError, match=fault):
        read(path)


def test_the_order_of_day_and_month():
    assert find_order(['22/06/2015 00:56']) == 'dmy'
    assert find_order(['6/22/2015 00:56']) == 'mdy'
    assert find_order(['02.06.2015 00:56']) == 'dmy'
    assert find_order(['2015/06/02 00:56']) == 'ymd'
    assert find_order(['02/06/2015 00:56']) is None
    assert find_order(['06/06/2015 00:56']) is not None
    # Over midnight, only one order gives days that follow each other.
    assert find_order(['02/06/2015 23:59', '03/06/2015 00:00']) == 'dmy'
    assert find_order(['06/02/2015 23:59', '06/03/2015 00:00']) == 'mdy'


@pytest.mark.parametrize(
    'text',
    ['32/01/2015 00:00', '2015-02-30 00:00', '12:61', '10.30', '1:2:3:4:5'],
)
def test_what_is_no_date(text):
    assert Dates('dmy')(text) is None


def test_days_and_months_that_cannot_be_told(columns, tmp_path):
    passed = np.arange(len(columns['t'])) / 100
    begin = datetime.datetime(2015, 2, 6, 12)
    dates = shown(SHOWN['days first'], passed, begin)
    path = write_csv(tmp_path / 'imu.csv', {**columns, 't': dates})
    unit = {'time': None}
    with pytest.raises(
        ValueError,
        match=r"row 2: column 't' has '06/02/20.*"
        r'day/month or month/day.*time_format to dd/mm/yyyy',
    ):
        read(path, units=unit)
    for form, text in (
        ('dd/mm/yyyy', '2015-02-06T12:00'),
        ('MM/dd/yyyy HH:mm:ss', '2015-06-02T12:00'),
        ('%d/%m/%Y %H:%M:%S.%f', '2015-02-06T12:00'),
    ):
        found = read(path, units=unit, time_format=form)
        np.testing.assert_allclose(
            times_of(found), parse_date(text) + passed, atol=1e-3
        )
    with pytest.raises(ValueError, match='cannot be read.*time_format'):
        read(path, units=unit, time_format='day first')
    with pytest.raises(ValueError, match="row 2: column 't' has '06/02/2015"):
        read(path, units=unit, time_format='%Y-%m-%d')


def test_times_of_day_pass_midnight(columns, stream, tmp_path):
    passed = np.arange(len(columns['t'])) / 100
    begin = datetime.datetime(2015, 2, 6, 23, 59, 57)
    dates = shown('{d:%H:%M:%S}:{ms:03d}', passed, begin)
    path = write_csv(tmp_path / 'imu.csv', {**columns, 't': dates})
    found = read(path, units={'time': None})
    np.testing.assert_allclose(times_of(found), 86397 + passed, atol=1e-3)
    assert 'starts over 1 times after 86400 s' in found.notes[0]


def test_an_unknown_date_asks_for_its_format(columns, tmp_path):
    dates = ['22 Brumaire 2015 10:00'] * len(columns['t'])
    path = write_csv(tmp_path / 'imu.csv', {**columns, 't': dates})
    message = r"row 2: column 't' has '22 Brum.*time_format, such as '%d"
    with pytest.raises(ValueError, match=message) as caught:
        read(path, units={'time': None})
    assert 'decimal' not in str(caught.value)


# Epochs and units


@pytest.mark.parametrize(
    ('epoch', 'first'),
    [(2000, '2000-01-01'), (2001, '2001-01-01'), ('2010-05-01', '2010-05-01')],
)
def test_epochs(columns, tmp_path, epoch, first):
    since = 599628003.197
    columns['t'] = since + np.arange(len(columns['t'])) / 100
    path = write_csv(tmp_path / 'imu.csv', columns)
    found = read(path, epoch=epoch)
    expected = parse_date(f'{first}T00:00') + columns['t']
    np.testing.assert_allclose(times_of(found), expected, atol=1e-6)
    if epoch == 2000:  # as its documentation says
        same = read(path, start_s=946684800)
        np.testing.assert_array_equal(times_of(same), times_of(found))


@pytest.mark.parametrize(
    ('unit', 'factor'),
    [(9.80665 / 64, 64 / 9.80665), ('1/64 g', 64 / 9.80665), ('2 mg', 51)],
)
def test_units_of_counts(columns, stream, tmp_path, unit, factor):
    if unit == '2 mg':
        factor = 500 / 9.80665
    for axis in AXES:
        columns[f'acc_{axis}'] *= factor
        columns[f'gyro_{axis}'] *= 131 * 180 / np.pi
    columns['t'] *= 50
    path = write_csv(tmp_path / 'imu.csv', columns)
    units = {'acc': unit, 'gyro': '1/131 deg/s', 'time': 0.02}
    found = read(path, units=units)
    check_values(found, stream)
    np.testing.assert_allclose(times_of(found), times_of(stream), atol=1e-9)


def test_a_wrong_unit_of_time_is_named(columns, tmp_path):
    columns['t'] = 1714561203198 + 10 * np.arange(len(columns['t']))
    path = write_csv(tmp_path / 'imu.csv', columns)
    message = r"imu\.csv: column 't' .* year 56302.*units\.time: ms fits"
    with pytest.raises(ValueError, match=message):
        read(path)


# Encodings


@pytest.mark.parametrize('encoding', ['cp1252', 'utf-16', 'utf-8'])
def test_encodings_are_found(columns, stream, tmp_path, encoding):
    before = ['© Lab', 'Größe: °']
    path = write_csv(
        tmp_path / 'imu.csv', columns, before=before, encoding=encoding
    )
    found = read(path)
    check_values(found, stream)
    notes = [note for note in found.notes if 'Windows-1252' in note]
    assert len(notes) == (encoding == 'cp1252')
    assert read(path, encoding=encoding).notes == ()


def test_other_encodings_are_named(columns, stream, tmp_path):
    columns = {
        name.replace('t', 'время', name == 't'): v
        for name, v in columns.items()
    }
    path = write_csv(tmp_path / 'imu.csv', columns, encoding='koi8-r')
    found = read(path, columns={'time': 'время'}, encoding='koi8-r')
    check_values(found, stream)
    wrong = write_csv(
        tmp_path / 'b.csv', columns, before=['é'], encoding='utf-8'
    )
    wrong.write_bytes(wrong.read_bytes().replace(b'\xc3\xa9', b'\x81'))
    with pytest.raises(ValueError, match=r'not text in ASCII.*Set encoding'):
        read(wrong, encoding='ascii')


# Channels


def test_gravity_in_columns_of_its_own(columns, stream, tmp_path):
    """In the same table, or in a part."""
    down = np.array([0.3, -0.5, 9.79])
    for axis, value in zip(AXES, down):
        columns[f'acc_{axis}'] = columns[f'acc_{axis}'] - value
        columns[f'down_{axis}'] = np.full(len(columns['t']), -value)
    gravity = [f'-down_{axis}' for axis in AXES]
    path = write_csv(tmp_path / 'imu.csv', columns)
    found = read(path, columns={'gravity': gravity}, gravity=None)
    check_values(found, stream)
    assert found.gravity and 'gravity' not in found.channels
    content = mapping(gravity='removed', columns=None)
    content['parts'] = [
        {'file': 'imu.csv', 'columns': MAPPING['columns']},
        {'file': 'imu.csv', 'columns': {'time': 't', 'gravity': gravity}},
    ]
    (tmp_path / 'map.yml').write_text(yaml.safe_dump(content))
    (parted,) = read_imu_file(tmp_path / 'map.yml').values()
    check_values(parted, stream)
    assert parted.gravity
    with pytest.raises(ValueError, match=r'gravity: included contradicts'):
        read(path, columns={'gravity': gravity})


def test_a_slower_channel_is_interpolated(columns, stream, tmp_path):
    """All rows of the faster channel stay; a note says so."""
    for axis in AXES:
        gyro = columns[f'gyro_{axis}']
        gyro[np.arange(len(gyro)) % 3 > 0] = np.nan
    path = write_csv(tmp_path / 'imu.csv', columns)
    found = read(path)
    last = (len(columns['t']) - 1) // 3 * 3 + 1
    check_values(found, stream, slice(0, last), ('acc',))
    np.testing.assert_allclose(times_of(found), columns['t'][:last])
    np.testing.assert_allclose(
        found.channels['gyro'][::3], stream.channels['gyro'][:last:3], 1e-5
    )
    assert 'gyro is interpolated to their times' in found.notes[0]


def test_channels_in_rows_of_their_own(columns, stream, tmp_path):
    """Rows of acc and rows of gyro take turns."""
    rows = np.arange(len(columns['t']))
    for axis in AXES:
        columns[f'acc_{axis}'][rows % 2 > 0] = np.nan
        columns[f'gyro_{axis}'][rows % 2 < 1] = np.nan
    found = read(write_csv(tmp_path / 'imu.csv', columns))
    np.testing.assert_allclose(times_of(found), columns['t'][2::2])
    check_values(found, stream, slice(2, None, 2), ('acc',))


def test_empty_columns_are_named(columns, tmp_path):
    columns['fine'] = np.full(len(columns['t']), np.nan)
    path = write_csv(tmp_path / 'imu.csv', columns)
    with pytest.raises(ValueError, match="empty cell: 'fine' is empty"):
        read(path, columns={'time': 'fine'})
    found = read(path, columns={'time': 'fine'}, rate=100)
    assert found.clock.rate == 100 and "'fine' is empty" in found.notes[0]


# Counters


@pytest.mark.parametrize('given', ['counter', 'rate', 'time'])
def test_counters_of_a_table(columns, stream, tmp_path, given):
    """Named, found beside a rate, or mistaken for a time."""
    number = np.arange(len(columns['t']))
    kept = np.delete(number, np.s_[200:260])
    lost = {name: values[kept] for name, values in columns.items()}
    counter = ((kept + 65400) % 65536).astype(float)
    path = write_csv(tmp_path / 'imu.csv', {'PacketCounter': counter, **lost})
    if given == 'time':
        with pytest.raises(ValueError, match=r'counts samples.*columns\.cou'):
            read(path, columns={'time': 'PacketCounter'}, units={'time': 'ms'})
        return
    found = read(
        path,
        columns={'time': None, given: 'PacketCounter'}
        if given == 'counter'
        else {'time': None},
        units={'time': None},
        rate=100,
    )
    np.testing.assert_allclose(times_of(found), kept / 100, atol=1e-9)
    check_values(found, stream, kept)
    assert '60 samples are missing' in found.notes[-1]


# Placements, paths, notes


def test_where_a_sensor_is_worn(columns, tmp_path):
    path = write_csv(tmp_path / 'imu.csv', columns)
    bare = mapping(placement=None)
    assert [*read_imu_file(path, bare, 'chest')] == ['sternum']
    assert [*read_imu_file(path, MAPPING, 'head')] == ['head']
    assert [*read_imu_file(path, mapping(placement='chest'))] == ['sternum']
    several = {'imu': {'A': {}, 'B': {}}, 'sensor': bare}
    worn = {'A': 'head', 'B': 'left_wrist'}
    assert [*read_imu_file(path, several, worn)] == ['head', 'left_wrist']
    with pytest.raises(ValueError, match=r'2 sensors \(A, B\)'):
        read_imu_file(path, several, 'head')
    with pytest.raises(ValueError, match="no sensor 'C'"):
        read_imu_file(path, several, {'C': 'head'})
    with pytest.raises(ValueError, match='--placement'):
        read_imu_file(path, bare)


def test_parts_are_relative_to_the_mapping(columns, tmp_path, monkeypatch):
    write_csv(tmp_path / 'proj/raw/imu.csv', columns)
    content = mapping(columns=None)
    content['parts'] = [
        {
            'file': 'raw/imu.csv',
            'columns': {'time': 't', c: MAPPING['columns'][c]},
        }
        for c in ('acc', 'gyro')
    ]
    (tmp_path / 'proj/map.yml').write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    (found,) = read_imu_file('proj/map.yml').values()
    assert {*found.channels} == {'acc', 'gyro'}


def test_notes_are_repeated_by_a_second_run(columns, tmp_path):
    kept = np.delete(np.arange(len(columns['t'])), np.s_[200:260])
    write_csv(tmp_path / 'imu.csv', {k: v[kept] for k, v in columns.items()})
    sensor = {**mapping(placement=None), 'file': 'imu.csv'}
    take = {'take': 'a', 'subject': 'b', 'split': 'train'}
    path = tmp_path / 'lab.yml'
    content = {'takes': [{**take, 'imu': {'head': sensor}}]}
    path.write_text(yaml.safe_dump(content))
    runs = [convert(OwnDataReader(path), tmp_path / 'dst') for _ in range(2)]
    assert runs[0].notes == runs[1].notes
    assert '60 samples are missing' in runs[0].notes[0]


def test_an_epoch_is_found_by_the_date_of_the_take(columns, tmp_path):
    begin = parse_date('2019-01-01T12:00:00Z')
    columns['t'] = begin - 946684800 + columns['t']
    write_csv(tmp_path / 'imu.csv', columns)
    sensor = {**mapping(placement=None), 'file': 'imu.csv'}
    take = {'take': 'a', 'subject': 'b', 'split': 'train', 'origin': begin}
    path = tmp_path / 'lab.yml'
    content = {'takes': [{**take, 'imu': {'head': sensor}}]}
    path.write_text(yaml.safe_dump(content))
    done = convert(OwnDataReader(path), tmp_path / 'dst')
    said = 'count from 2000, not from 1970'
    assert any(said in note for note in done.notes)


# Damage


def damaged(text, rng):
    """A line or a cell of a table changed, and which row has which time."""
    lines = text.split('\n')
    at = int(rng.integers(1, len(lines) - 1))
    kind = rng.integers(8)
    cells = lines[at].split(',')
    cell = int(rng.integers(len(cells)))
    if kind == 0:
        lines.insert(at, lines[at])
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines[at - 1 : at + 1] = lines[at - 1 : at + 1][:: 1 if at < 2 else -1]
    elif kind == 3:
        words = ('', 'nan', '-1', '0', '1e999', 'x', '1,5', '9' * 25, '12:00')
        cells[cell] = str(rng.choice(words))
    elif kind == 4:
        cells[0] = cells[0][: int(rng.integers(len(cells[0]) + 1))]
    elif kind == 5:
        cells[0] = str(float(cells[0]) + rng.choice([-1e6, -2, 3, 1e7]))
    elif kind == 6:
        cells[cell] = cells[cell][::-1]
    else:
        cells = cells[: cell + 1]
    if kind > 2:
        lines[at] = ','.join(cells)
    return '\n'.join(lines)


@pytest.mark.slow
@pytest.mark.parametrize('block', range(10))
def test_a_thousand_damaged_tables(tmp_path, block):
    """One clear error, or the right time of every row that is kept."""
    rng = np.random.default_rng(block)
    true = 12 + np.arange(120) / 50
    wave = [np.sin(3 * true + k) + 0.001 * np.arange(120) for k in range(3)]
    names = dict(zip(('t', 'acc_x', 'acc_y', 'acc_z'), (true, *wave)))
    text = write_csv(tmp_path / 'ok.csv', names).read_text()
    keys = {**mapping(placement=None, **ACC_ONLY), 'file': 'imu.csv'}
    sensors = {'head': check_keys(Sensor, keys, 'imu.head')}
    right = 0
    for _ in range(100):
        changed = damaged(text, rng)
        (tmp_path / 'imu.csv').write_text(changed)
        try:
            found = read_sensors(sensors, tmp_path)['head']
        except ValueError as error:
            assert 'imu.csv' in str(error) and '\n' not in str(error)
            continue
        times, acc = times_of(found), np.asarray(found.channels['acc'])
        assert (np.diff(times) > 0).all() and np.isfinite(acc).all()
        # By two untouched axes, which row of the original each row is.
        near = np.abs(acc[:, None] - np.stack(wave, axis=1)).astype(float)
        row = np.sort(near, axis=2)[:, :, :2].sum(axis=2).argmin(axis=1)
        assert np.abs(times - true[row]).max() < 0.05
        right += 1
    assert right > 40


# What lies beside the checkout


CASES = [
    ('01_xsens_dot_realtime/dot_wrap.csv', 'map.yml', 'starts over 1 times'),
    ('01_xsens_dot_realtime/dot_latin1.csv', 'map.yml', 'Windows-1252'),
    ('02_xsens_mtw_txt/mtw_lost.txt', 'map.yml', '300 samples are missing'),
    ('04_metawear_bursts/map_RW.yml', None, 'packets of 3 rows share'),
    ('04_metawear_bursts/map_date.yml', None, 'zone -0700'),
    ('07_polar/map_phone.yml', None, 'packets of 36 rows share a time'),
    ('09_wrist_actigraphy_dates/biobank.csv', 'map_biobank.yml', None),
    ('09_wrist_actigraphy_dates/actigraph.csv', 'map_actigraph.yml', None),
    ('09_wrist_actigraphy_dates/actigraph_us.csv', 'map_actigraph.yml', None),
    ('09_wrist_actigraphy_dates/geneactiv.csv', 'map_geneactiv.yml', None),
    ('10_not_monotonic/swapped_packets.csv', 'map.yml', '20 rows came out'),
    ('10_not_monotonic/rows_twice.csv', 'map.yml', '14 rows are there twice'),
    (
        '10_not_monotonic/clock_jumps_forward.csv',
        'map.yml',
        'set forward by 2.000 s at row 2002',
    ),
    ('17_notes_and_paths/gyro_sparse.csv', 'map.yml', 'gyro is interpolated'),
    ('17_notes_and_paths/proj/parts.yml', None, None),
]


@pytest.mark.parametrize(('name', 'keys', 'note'), CASES)
def test_cases_from_the_field(name, keys, note):
    path = shared_path(f'cases/{name}')
    keys = keys and path.parent / keys
    (found,) = read_imu_file(path, keys).values()
    assert (np.diff(times_of(found)) > 0).all()
    if note is None:
        assert found.notes == ()
    else:
        assert any(note in text for text in found.notes)


@pytest.mark.parametrize('name', ['p10', 'p4'])
def test_arrival_times_from_the_field(name):
    """Acceleration within 5 % rms of the true, the clock within 20 ms."""
    true = read_imu_file(shared_path('cases/_shared/imu.csv'))['right_wrist']
    path = shared_path(f'cases/15_ble_arrival_times/{name}.csv')
    axes = {'time': 't', 'acc': ['ax', 'ay', 'az'], 'gyro': ['gx', 'gy', 'gz']}
    found = read(path, columns=axes)
    error = times_of(found) - times_of(true)
    assert 0 < np.median(error) < 0.02 and np.ptp(error) < 0.001
    at = np.arange(5, 40, 0.02)
    shift = np.median(error)
    given, wanted = (
        np.stack(
            [np.interp(at, t, v) for v in np.asarray(s.channels['acc'][:]).T]
        )
        for s, t in ((found, times_of(found) - shift), (true, times_of(true)))
    )
    assert np.std(given - wanted) < 0.05 * np.std(wanted)
