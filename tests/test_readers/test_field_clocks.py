"""Clocks, units and zeros of tables as devices and spreadsheets write them."""

import numpy as np
import pytest
from raw_devices import G, lines_of, write_lines

from mobind_mm.apis.sources import to_imu
from mobind_mm.apis.study.files import Source
from mobind_mm.checks.inspection import inspect_path
from mobind_mm.readers.dates import Dates, find_order, serial_dates
from mobind_mm.readers.time_units import padded_fractions

MAY = 1714561200.0
"""2024-05-01 11:00:00 UTC."""
AXES = [f'{kind}_{axis}' for kind in ('acc', 'gyro') for axis in 'xyz']


def read(path, m, times, names='time', columns=None, sep=',', **written):
    """The sensor of a table, whose first column or columns are given."""
    columns = [*m.acc.T, *m.gyro.T] if columns is None else columns
    head = sep.join([names, *AXES[: len(columns)]])
    rows = lines_of(*columns, delimiter=sep, **written)
    rows = [f'{time}{sep}{row}' for time, row in zip(times, rows)]
    write_lines(path, head, rows)
    return to_imu({'file': path, 'placement': 'right_wrist'})['right_wrist']


def same(stream, m, start=0.0, late=0.0):
    """The stream is the motion, seconds after ``start``."""
    times = stream.clock.at() - start
    wanted = [np.interp(times - late, m.times, axis) for axis in m.acc.T]
    got = np.asarray(stream.channels['acc'][:])
    np.testing.assert_allclose(got, np.transpose(wanted), atol=0.05)
    assert np.ptp(times) > 19
    return True


def said(stream, text):
    return any(text in note for note in stream.notes)


@pytest.mark.parametrize(
    ('form', 'unit', 'zero', 'counts'),
    [
        ('{:.10f}', 86400, 25569, 'spreadsheets'),
        ('{:.9f}', 86400, 719529, 'MATLAB'),
        ('{:.10f}', 86400, 0, 'from 1970'),
    ],
)
def test_days(tmp_path, worn, form, unit, zero, counts):
    days = [form.format((MAY + t) / unit + zero) for t in worn.times]
    stream = read(tmp_path / 'a.csv', worn, days)
    assert same(stream, worn, MAY)
    assert said(stream, counts)
    commas = [day.replace('.', ',') for day in days]
    stream = read(tmp_path / 'b.csv', worn, commas, sep=';', decimal=',')
    assert same(stream, worn, MAY)


def test_ticks(tmp_path, worn):
    for first, counts in ((116444736, 'Windows'), (621355968, '.NET')):
        ticks = [
            str(int((MAY + t) * 10**7) + first * 10**9) for t in worn.times
        ]
        stream = read(tmp_path / 'a.csv', worn, ticks)
        assert same(stream, worn, MAY) and said(stream, counts)


def test_days_that_lost_their_digits(tmp_path, worn):
    days = [f'{(MAY + t) / 86400 + 25569:.4f}' for t in worn.times]
    with pytest.raises(ValueError, match=r"a\.csv: column 'time'.*digits"):
        read(tmp_path / 'a.csv', worn, days)


def test_seconds_of_the_size_of_days(tmp_path, worn):
    seconds = [f'{45413 + t:.3f}' for t in worn.times]
    assert same(read(tmp_path / 'a.csv', worn, seconds), worn, 45413)
    assert serial_dates(45413 + np.arange(100) / 100) is None
    assert serial_dates(np.full(9, 45413.5)) is None
    polar = 6.4e17 + 1e7 * np.arange(100)  # ns since 2000
    assert serial_dates(polar) is None


@pytest.mark.parametrize(
    ('cell', 'second'),
    [
        ('2024年05月01日 11:00:00.500', 0.5),
        ('2024. 5. 1. 오전 11:00:00', 0.0),
        ('2024/5/1 下午 11:00:00', 43200.0),
        ('1/5/2024 11:00:00.25 a. m.', 0.25),
        ('Wed May 01 2024 13:00:00 GMT+0200 (Central European)', 0.0),
        ('Wed May  1 11:00:00.125 2024', 0.125),
        ('May 1, 2024 11:00:00', 0.0),
        ('2024-05-01_11-00-00.750', 0.75),
        ('2024年05月01日 11時00分00.500秒', 0.5),
    ],
)
def test_dates_of_other_languages(cell, second):
    order = 'dmy' if cell.startswith('1/5') else find_order([cell])
    assert Dates(order)(cell) == MAY + second


def test_minutes_of_a_spreadsheet():
    assert Dates()('05:07.3') == 307.3
    assert Dates()('5:07.3') == 307.3
    assert Dates()('26:00:01') == 93601
    assert Dates()('0 days 00:05:07.300000') == 307.3


def test_a_year_that_is_first_without_its_century(monkeypatch):
    """Days of the future are no days."""
    monkeypatch.setattr('mobind_mm.readers.dates.time', lambda: MAY)
    assert find_order(['24-04-25 11:00:00']) == 'ymd'
    assert find_order(['15/04/24 11:00:00']) == 'dmy'
    assert find_order(['04/15/24 11:00:00']) == 'mdy'
    assert find_order(['05/04/24 11:00:00']) is None
    # Nor do recordings last for years.
    monkeypatch.setattr('mobind_mm.readers.dates.time', lambda: 2 * MAY)
    assert find_order(['24-04-25 23:59:59', '24-04-26 00:00:01']) == 'ymd'
    assert find_order(['24/04/25 23:59:59', '25/04/25 00:00:01']) == 'dmy'
    assert find_order(['24-04-25 11:00:00']) == 'dmy'


@pytest.mark.parametrize('day', ['24-04-25', '25.04.24'])
def test_a_year_of_two_digits_is_noted(tmp_path, worn, day):
    cells = [f'{day} 11:00:{t:06.3f}' for t in worn.times]
    stream = read(tmp_path / 'a.csv', worn, cells)
    (note,) = (n for n in stream.notes if 'is taken for a day of 20' in n)
    assert f"'{day} 11:00:00.000' in column" in note
    assert Dates('ymd')('24-05-01 11:00:00') == MAY


@pytest.mark.parametrize(
    ('digits', 'form'), [(3, '{}.{}'), (6, '{}.{}'), (3, '11:0:{}.{}')]
)
def test_fractions_without_their_zeros(tmp_path, worn, digits, form):
    whole = np.floor(worn.times + 0.0001).astype(int)
    parts = np.round((worn.times - whole) * 10**digits).astype(int)
    times = [form.format(w, p) for w, p in zip(whole, parts)]
    stream = read(tmp_path / 'a.csv', worn, times)
    assert same(stream, worn, 39600 if ':' in form else 0)
    assert said(stream, 'lost their zeros')


def test_fractions_that_are_whole_stay():
    times = np.arange(1000) / 100
    assert padded_fractions(times) is None
    again = np.r_[times[:500], times[300:500], times[500:]]
    assert padded_fractions(again) is None


def test_a_clock_that_gets_its_date_later(tmp_path, worn):
    for early in (0.0, MAY - 3e8):
        late = worn.times > 1.5
        times = np.where(late, MAY, early) + worn.times
        stream = read(tmp_path / 'a.csv', worn, [f'{t:.3f}' for t in times])
        assert same(stream, worn, MAY)
        assert said(stream, 'the clock that most rows have')


@pytest.mark.parametrize('rounded', [np.round, np.floor])
def test_rounded_times_say_how_far_off_they_are(tmp_path, worn, rounded):
    times = rounded(worn.times * 10 + 1e-6) / 10
    stream = read(tmp_path / 'a.csv', worn, [f'{t:.1f}' for t in times])
    off = np.abs(stream.clock.at() - worn.times).max()
    assert off < 0.06
    assert said(stream, 'may be up to 0.05 s off')


def test_rows_of_zeros_are_no_measurements(tmp_path, worn):
    columns = [np.array(c) for c in (*worn.acc.T, *worn.gyro.T)]
    for column in columns:
        column[700:760] = 0
    stream = read(tmp_path / 'a.csv', worn, worn.times, columns=columns)
    assert same(stream, worn) and len(stream.clock.at()) == 1940
    assert said(stream, '60 rows are all zeros')


def test_lost_packets_by_their_number(tmp_path, worn):
    rng = np.random.default_rng(1)
    packet = np.arange(2000) // 10
    kept = (rng.random(200) > 0.15)[packet]
    arrived = (packet + 1) / 10 + rng.exponential(0.01, 200)[packet]
    times = [f'{p % 256},{t:.3f}' for p, t in zip(packet, arrived)]
    columns = [c[kept] for c in (*worn.acc.T, *worn.gyro.T)]
    times = np.array(times)[kept]
    stream = read(tmp_path / 'a.csv', worn, times, 'packet,timestamp', columns)
    assert same(stream, worn, late=0.01)
    assert said(stream, f'{(~kept).sum() - 10 * (~kept[::10])[-1:].sum()} s')


@pytest.mark.parametrize(
    ('unit', 'factor'),
    [('mdps', 180e3 / np.pi), ('mrad/s', 1e3), ('rpm', 30 / np.pi)],
)
def test_units_of_rotation(tmp_path, worn, unit, factor):
    names = ['t_ms', *(f'acc{x}[mg]' for x in 'XYZ')]
    names += [f'gyro{x}[{unit}]' for x in 'XYZ']
    columns = [*(worn.acc / G * 1000).T, *(worn.gyro * factor).T]
    path = write_lines(
        tmp_path / 'a.csv',
        ','.join(names),
        lines_of(worn.times * 1000, *columns, delimiter=','),
    )
    stream = to_imu({'file': path, 'placement': 'right_wrist'})['right_wrist']
    gyro = np.asarray(stream.channels['gyro'][:])
    np.testing.assert_allclose(gyro, worn.gyro, atol=0.02)


@pytest.mark.parametrize(
    ('names', 'times', 'why'),
    [
        ('sec,part', '{s},{tenths}', "'sec' counts seconds, 'part' their p"),
        ('ticks', '{ticks}', 'what is a tick'),
        ('timestamp', '{row}', 'faster than movement is usually measured'),
        ('acc_time,gyro_time', '{t},{later}', 'of which sensor'),
    ],
)
def test_clocks_that_are_in_doubt(tmp_path, worn, names, times, why):
    cells = [
        times.format(
            s=int(t + 1e-6),
            tenths=int((t + 1e-6) % 1 * 1e4) / 3,
            row=round(t * 100),
            ticks=int(t * 1e7),
            t=t,
            later=t + 0.05,
        )
        for t in worn.times.round(6)
    ]
    with pytest.raises(ValueError, match=why):
        read(tmp_path / 'a.csv', worn, cells, names)


@pytest.mark.parametrize(
    ('names', 'form'),
    [
        ('header.stamp.secs,header.stamp.nsecs', '{s},{ns}'),
        ('time_sec,time_usec', '{s},{us}'),
        ('s,ms', '{s},{ms}'),
        ('Datetime,Millis', '{date},{ms}'),
        ('sec,hundredths', '{s},{hundredths}'),
    ],
)
def test_seconds_and_their_parts_in_two_columns(tmp_path, worn, names, form):
    kept = (worn.times < 3) | (worn.times > 5.2)
    m = worn.part(kept)
    cells = [
        form.format(
            s=t // 100,
            date=np.datetime64(t // 100, 's'),
            ns=t % 100 * 10_000_000,
            us=t % 100 * 10_000,
            ms=t % 100 * 10,
            hundredths=t % 100,
        )
        for t in np.round(m.times * 100).astype(int).tolist()
    ]
    columns = [*m.acc.T, *m.gyro.T]
    stream = read(tmp_path / 'a.csv', worn, cells, names, columns)
    assert same(stream, worn) and len(stream.clock.at()) == len(m.times)
    # The parts do not start again where rows are lost.
    few = (m.times < 2.1) | ((m.times > 5.2) & (m.times < 8))
    columns = [c[few] for c in columns]
    cells = [c for c, is_kept in zip(cells, few) if is_kept]
    stream = read(tmp_path / 'a.csv', m, cells, names, columns)
    lengths = np.diff(stream.clock.at()[[0, 200, -1]])
    assert np.allclose(lengths, np.diff(m.times[few][[0, 200, -1]]), 0, 0.01)


def test_packets_of_ms_are_no_ticks(tmp_path, worn):
    """Packets every 640 ms look like 51.2 Hz in 1/32768 s."""
    m = worn.part(slice(None, None, 4))
    stamps = [int(i // 16 * 640 + 600) for i in range(len(m.times))]
    for names in (AXES, ['ax', 'ay', 'az', 'gx', 'gy', 'gz']):
        rows = lines_of(stamps, *m.acc.T, *m.gyro.T, delimiter=',')
        head = ','.join(['timestamp', *names])
        path = write_lines(tmp_path / 'a.csv', head, rows)
        stream = to_imu({'file': path, 'placement': 'head'})['head']
        assert same(stream, m) and said(stream, 'packets of 16 rows')


@pytest.mark.parametrize('disorder', ['again', 'swapped'])
@pytest.mark.parametrize('place', [403, 510])
def test_rows_of_packets_sent_again_or_late(tmp_path, worn, place, disorder):
    stamps = (np.arange(2000) // 10 * 100 + 100).astype(int)
    rows = np.arange(2000)
    if disorder == 'again':
        rows = np.r_[:place, place - 23 : 2000]
    else:
        late = np.s_[place : place + 6]
        rows = np.r_[:place, place + 6 : place + 12, late, place + 12 : 2000]
    columns = [c[rows] for c in (*worn.acc.T, *worn.gyro.T)]
    stream = read(
        tmp_path / 'a.csv', worn, stamps[rows], 'epoch_ms', columns=columns
    )
    times = stream.clock.at()
    assert len(times) == 2000 and np.ptp(times) == pytest.approx(19.99, 0.01)
    off = times - np.interp(times, times, worn.times)
    assert np.abs(off - np.median(off)).max() < 0.12
    if disorder == 'again':
        assert same(stream, worn, np.median(off))
        assert said(stream, '23 rows are there twice')


def test_one_clock_in_a_column_for_each_channel(tmp_path, worn):
    times = [f'{t},{t}' for t in worn.times]
    assert same(
        read(tmp_path / 'a.csv', worn, times, 'acc_time,gyr_time'), worn
    )


def test_rows_lost_at_rest_are_a_gap(tmp_path, worn):
    """The values continue there, whatever the clock did."""
    m = worn.part((worn.times < 8) | (worn.times > 10.5))
    columns = [*m.acc.T, *m.gyro.T]
    stream = read(tmp_path / 'a.csv', m, m.times, columns=columns)
    assert same(stream, worn) and said(stream, 'samples are missing')
    summer = np.where(worn.times > 9, 3600, 0) + worn.times + MAY
    stream = read(tmp_path / 'b.csv', worn, [f'{t:.3f}' for t in summer])
    assert same(stream, worn, MAY) and said(stream, 'set forward by 3600')


@pytest.mark.parametrize(
    ('ticks', 'rate', 'head', 'unit'),
    [
        (1024, 100, '', '1/1024 s'),
        (32768, 50, '', '1/32768 s'),
        (32768, 51.2, '', '1/32768 s'),
        (1024, 128, '# Sampling rate: 128 Hz', '1/1024 s'),
        (100, 100, '# fs = 100', '1/100 s'),
        (1e4, 100, '# Sampling rate: 100 Hz', '1/10000 s'),
        (1000, 100, '# Sampling rate: 98 Hz', 'ms'),
        (1000, 97, '', 'ms'),
    ],
)
@pytest.mark.parametrize('names', ['ax,ay,az,gx,gy,gz', ','.join(AXES)])
def test_a_clock_that_counts_ticks(
    tmp_path, worn, ticks, rate, head, unit, names
):
    times = np.arange(0, 19.9, 1 / rate)
    columns = [
        np.interp(times, worn.times, axis)
        for axis in (*worn.acc.T, *worn.gyro.T)
    ]
    rows = lines_of(np.round(times * ticks), *columns, delimiter=',')
    path = write_lines(
        tmp_path / 'a.csv', [*filter(None, [head])], f'timestamp,{names}', rows
    )
    stream = to_imu({'file': path, 'placement': 'right_wrist'})['right_wrist']
    assert same(stream, worn)
    assert said(stream, f'in {unit} ') or said(stream, f'in {unit}:')


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('beside', ['host_ms', 'sparse_ms', 'date'])
def test_times_of_known_unit_tell_the_length_of_others(tmp_path, worn, beside):
    """A clock of 100 us looks like one of milliseconds at a tenth."""
    starts = np.datetime64('2024-05-01T11:00:00') + np.round(
        worn.times * 1000
    ).astype('timedelta64[ms]')
    known = starts.astype(str) if beside == 'date' else worn.times * 1000
    ticks = np.round(worn.times * 1e4)
    cells = [f'{t:.0f},{k}' for t, k in zip(ticks, known)]
    if beside == 'sparse_ms':  # in every other row, so half of them are left
        cells[1::2] = [f'{t:.0f},' for t in ticks[1::2]]
    stream = read(tmp_path / 'a.csv', worn, cells, f'timestamp,{beside}')
    if beside == 'sparse_ms':
        assert stream.clock.at() == pytest.approx(worn.times[::2])
    else:
        assert same(stream, worn, MAY if beside == 'date' else 0.0)


def test_a_log_of_any_suffix_with_lines_above(tmp_path, worn):
    path = tmp_path / 'esp.log'
    read(tmp_path / 'a.csv', worn, worn.times, 't_s')
    boot = 'ets Jun  8 2016 00:22:57\n\nrst:0x1 (POWERON),boot:0x13\n'
    path.write_text(boot + (tmp_path / 'a.csv').read_text())
    streams = to_imu({'file': path, 'placement': 'right_wrist'})
    assert same(streams['right_wrist'], worn)


def test_dates_in_a_column_of_one_word(tmp_path, worn):
    cells = [f'05/13/2024,11:00:{t:05.2f}' for t in worn.times]
    stream = read(tmp_path / 'a.csv', worn, cells, 'rtcDate,rtcTime')
    assert same(stream, worn, MAY + 12 * 86400)


def test_counts_of_unknown_zero_by_their_name(tmp_path, worn):
    counts = np.round(2048 + worn.acc * 150).T
    names = ['time', *(f'Accel_{x}_UNCAL' for x in 'XYZ')]
    path = write_lines(
        tmp_path / 'a.csv',
        ','.join(names),
        lines_of(worn.times, *counts, delimiter=','),
    )
    with pytest.raises(ValueError, match='zero is not known|no unit'):
        to_imu({'file': path, 'placement': 'right_wrist'})


def test_ros(tmp_path, worn):
    """``rostopic echo -p``: orientation is not acceleration."""
    names = ['%time', *(f'field.orientation.{x}' for x in 'xyzw')]
    names += [f'field.angular_velocity.{x}' for x in 'xyz']
    names += [f'field.linear_acceleration.{x}' for x in 'xyz']
    still = np.zeros(2000)
    columns = [still, still, still, still + 1, *worn.gyro.T, *worn.acc.T]
    rows = lines_of(*columns, delimiter=',')
    stamps = [str(int(MAY * 1e9) + int(t * 1e9)) for t in worn.times]
    rows = [f'{stamp},{row}' for stamp, row in zip(stamps, rows)]
    path = write_lines(tmp_path / 'imu.csv', ','.join(names), rows)
    stream = to_imu({'file': path, 'placement': 'right_wrist'})['right_wrist']
    assert same(stream, worn, MAY) and stream.gravity


def test_unicode_text_of_a_spreadsheet(tmp_path, worn):
    head = '\t'.join(['time', *AXES])
    rows = lines_of(worn.times, *worn.acc.T, *worn.gyro.T, delimiter='\t')
    path = tmp_path / 'a.txt'
    path.write_text('\r\n'.join([head, *rows]), 'utf-16')
    stream = to_imu({'file': path, 'placement': 'right_wrist'})['right_wrist']
    assert same(stream, worn)


def test_giant_folders_are_not_walked(tmp_path, monkeypatch):
    for number in range(30):
        inside = tmp_path / f'{number:02}'
        inside.mkdir()
        for name in 'abc':
            (inside / f'{name}.bin').write_bytes(b'\0')
    monkeypatch.setattr('mobind_mm.checks.inspection._MOST_IN_ALL', 10)
    facts = inspect_path(tmp_path)
    assert len(facts['files']) < 10
    assert any('only the first' in note for note in facts['notes'])


def test_folders_that_no_reader_knows_are_not_digested(tmp_path, monkeypatch):
    (tmp_path / 'a.bin').write_bytes(b'\0')

    def walk(*_):
        raise AssertionError('the folder is walked through')

    monkeypatch.setattr('pathlib.Path.rglob', walk)
    assert Source('a', tmp_path).made_of()
