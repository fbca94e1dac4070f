"""Write the exports of laboratory sensors from arrays that are known."""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

G = 9.80665
RATE = 100


@dataclass
class Motion:
    """A sensor's arrays: (T,) s, (T, 3) m/s^2 and rad/s, (T, 4) wxyz."""

    times: np.ndarray
    acc: np.ndarray
    gyro: np.ndarray
    quat: np.ndarray
    mag: np.ndarray = field(default=None)

    @property
    def free(self):
        """Acceleration in the world without gravity."""
        return turns(self.quat).apply(self.acc) - [0, 0, G]

    def part(self, rows):
        """Some of the samples."""
        return Motion(
            self.times[rows], self.acc[rows], self.gyro[rows], self.quat[rows]
        )


def turns(quat):
    """Rotations of quaternions (T, 4), scalar first."""
    return Rotation.from_quat(np.roll(quat, -1, axis=1))


def motion(num=400, rate=RATE, seed=0):
    """A sensor that turns and is shaken, for ``num`` samples."""
    rng = np.random.default_rng(seed)
    times = np.arange(num) / rate
    waves = rng.uniform(0.3, 2.0, (5, 9)), rng.uniform(0, 6, (5, 9))
    size = rng.uniform(0.3, 1.0, (5, 9))
    angles = 2 * np.pi * waves[0][:, None] * times[:, None] + waves[1][:, None]
    smooth = (size[:, None] * np.sin(angles)).sum(axis=0)
    orientation = Rotation.from_rotvec(smooth[:, :3])
    acc = orientation.inv().apply(3 * smooth[:, 3:6] + [0, 0, G])
    quat = np.roll(orientation.as_quat(), 1, axis=1)
    quat *= np.sign(quat[:, :1])
    return Motion(times, acc, 2 * smooth[:, 6:9], quat)


def lines_of(*columns, delimiter=',', decimal='.', last=''):
    """Rows of columns: numbers (NaN: empty), or texts."""
    rows = []
    for row in zip(*columns):
        cells = [
            value
            if isinstance(value, str)
            else ''
            if value != value
            else f'{value:.10g}'.replace('.', decimal)
            for value in row
        ]
        rows.append(delimiter.join(cells) + last)
    return rows


def write_lines(path, *parts, encoding='utf-8', newline='\n'):
    """Write lines, and lists of lines."""
    lines = []
    for part in parts:
        lines += [part] if isinstance(part, str) else part
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((newline.join(lines) + newline).encode(encoding))
    return path


def integers(values):
    """Texts of whole numbers."""
    return [str(round(value)) for value in values]


def dot_head(tag, rate, commas=''):
    """Lines above the table of a DOT file."""
    return [
        'sep=,',
        f'DeviceTag:,{tag}{commas}',
        f'FirmwareVersion:,2.0.0{commas}',
        f'AppVersion:,2021.0{commas}',
        f'SyncStatus:,Synced{commas}',
        f'OutputRate:,{rate}Hz{commas}',
        f'FilterProfile:,General{commas}',
        f'Measurement Mode:,Sensor fusion Mode - Extended{commas}',
        f'StartTime: ,2021-08-20_20:21:13_829 GMT+8{commas}',
        f'© Xsens Technologies B. V. 2005-2021{commas}',
        '',
    ]


def write_dot(path, m, kind='rate', tag='RW', start=5_000_000, **how):
    """A file of Movella DOT: ``rate``, ``quat``, ``euler``, ``delta``."""
    fine = start + m.times * 1e6
    euler = turns(m.quat).as_euler('ZYX', degrees=True)[:, ::-1]
    names, columns = {
        'rate': (
            'Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z,Mag_X,Mag_Y,Mag_Z',
            [*m.acc.T, *np.rad2deg(m.gyro).T, *(m.acc.T / 10)],
        ),
        'quat': (
            'Quat_W,Quat_X,Quat_Y,Quat_Z,FreeAcc_X,FreeAcc_Y,FreeAcc_Z,Status',
            [*m.quat.T, *m.free.T, ['0'] * len(fine)],
        ),
        'euler': (
            'Euler_X,Euler_Y,Euler_Z,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z',
            [*euler.T, *m.acc.T, *np.rad2deg(m.gyro).T],
        ),
        'delta': (
            'dq_W,dq_X,dq_Y,dq_Z,dv[1],dv[2],dv[3]',
            [np.ones(len(fine)), *(m.gyro.T / 2 / RATE), *(m.acc.T / RATE)],
        ),
    }[kind]
    wrapped = integers(fine % 2**32)
    rows = lines_of(integers(np.arange(len(fine))), wrapped, *columns)
    header = f'PacketCounter,SampleTimeFine,{names}'
    return write_lines(path, dot_head(tag, RATE), header, rows, **how)


def write_dot_server(path, sensors, start=5_000_000):
    """A file of the DOT server: rows of several sensors, by their tag."""
    rows = []
    for tag, m in sensors.items():
        fine = integers(start + m.times * 1e6)
        address = ['d4:22:cd:00:00:01'] * len(fine)
        tags = [tag] * len(fine)
        columns = [*m.acc.T, *np.rad2deg(m.gyro).T]
        rows.append(lines_of(fine, address, tags, *columns))
    mixed = [row for together in zip(*rows) for row in together]
    header = 'Timestamp,Address,Tag,Acc_x,Acc_y,Acc_z,Gyr_x,Gyr_y,Gyr_z'
    return write_lines(
        path, 'Measurement Mode:,Rate quantities', header, mixed
    )


def write_mtw(
    path, m, counter=None, fine=None, rate=RATE, how='matrix', free=False
):
    """A text file of MT Manager, SampleTimeFine empty if not given."""
    size = len(m.times)
    counter = np.arange(size) if counter is None else counter
    empty = [''] * size
    head = ['// Start Time: Unknown', '// Filter Profile: human (46.1)']
    head += [f'// Update Rate: {rate:.1f}Hz'] if rate else []
    head += ['// Option Flags: AHS Disabled', '// Firmware Version: 4.0.2']
    utc = [f'UTC_{n}' for n in ('Nano', 'Year', 'Month', 'Day', 'Hour')]
    names = ['PacketCounter', 'SampleTimeFine', *utc]
    columns = [[f'{c % 65536:05d}' for c in counter]]
    columns += [empty if fine is None else integers(fine)]
    columns += [empty] * len(utc)
    if free:
        names += ['FreeAcc_E', 'FreeAcc_N', 'FreeAcc_U']
        columns += [*m.free.T]
    else:
        names += ['Acc_X', 'Acc_Y', 'Acc_Z', 'Gyr_X', 'Gyr_Y', 'Gyr_Z']
        columns += [*m.acc.T, *m.gyro.T]
    if how == 'matrix':
        matrix = turns(m.quat).as_matrix()
        for column in range(3):
            for row in range(3):
                names.append(f'Mat[{row + 1}][{column + 1}]')
                columns.append(matrix[:, row, column])
    elif how == 'quat':
        names += [f'Quat_q{i}' for i in range(4)]
        columns += [*m.quat.T]
    else:
        names += ['Roll', 'Pitch', 'Yaw']
        euler = turns(m.quat).as_euler('ZYX', degrees=True)
        columns += [*euler[:, ::-1].T]
    rows = lines_of(*columns, delimiter='\t')
    return write_lines(path, head, '\t'.join(names), rows)


def write_mvnx(path, sensors, kind='free', rate=RATE, index=None):
    """An MVNX file: ``free``, ``raw`` (as old versions), or ``segments``."""
    tag = 'segment' if kind == 'segments' else 'sensor'
    labels = ''.join(f'<{tag} label="{name}"/>' for name in sensors)
    num = len(next(iter(sensors.values())).times)
    index = np.arange(num) if index is None else index
    frames = [
        '<frame time="0" index="" type="tpose"><orientation>1 0 0 0'
        '</orientation></frame>'
    ]
    for at in range(num):
        values = {
            'orientation': [m.quat[at] for m in sensors.values()],
            'free': [m.free[at] for m in sensors.values()],
            'acc': [m.acc[at] for m in sensors.values()],
            'gyro': [m.gyro[at] for m in sensors.values()],
            'world': [
                turns(m.quat[at : at + 1]).apply(m.gyro[at : at + 1])[0]
                for m in sensors.values()
            ],
        }
        text = {
            name: ' '.join(f'{v:.9g}' for v in np.ravel(value))
            for name, value in values.items()
        }
        content = {
            'free': '<orientation>1 0 0 0</orientation>'
            f'<sensorFreeAcceleration>{text["free"]}</sensorFreeAcceleration>'
            f'<sensorOrientation>{text["orientation"]}</sensorOrientation>',
            'raw': f'<sensorAcceleration>{text["acc"]}</sensorAcceleration>'
            f'<sensorAngularVelocity>{text["gyro"]}</sensorAngularVelocity>'
            f'<sensorOrientation>{text["orientation"]}</sensorOrientation>',
            'segments': f'<orientation>{text["orientation"]}</orientation>'
            f'<acceleration>{text["free"]}</acceleration>'
            f'<angularVelocity>{text["world"]}</angularVelocity>',
        }[kind]
        time = round(1000 * index[at] / rate)
        frames.append(
            f'<frame time="{time}" index="{index[at]}" tc="00:00:00:00" '
            f'type="normal">{content}</frame>'
        )
    return write_lines(
        path,
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!DOCTYPE mvnx SYSTEM "http://www.xsens.com/mvn/mvnx/schema.dtd">',
        '<mvnx version="4"><mvn version="2021.2" build="1"/>',
        f'<subject label="Suit" frameRate="{rate}" recDate="Mon Jan 1">',
        f'<{tag}s>{labels}</{tag}s><frames>',
        frames,
        '</frames></subject></mvnx>',
    )


def write_shimmer(path, m, delimiter=';', start=1.59e12, owner='Shimmer_40AC'):
    """A file of Consensys: times rounded to a millisecond."""
    names = [f'{owner}_Timestamp_Unix_CAL']
    names += [f'{owner}_Accel_LN_{axis}_CAL' for axis in 'XYZ']
    names += [f'{owner}_GSR_Skin_Resistance_CAL']
    names += [f'{owner}_Gyro_{axis}_CAL' for axis in 'XYZ']
    units = ['ms', *['m/(s^2)'] * 3, 'kOhms', *['deg/s'] * 3]
    stamps = [f'{start + t * 1e3:.12E}' for t in m.times]
    columns = [*m.acc.T, m.times, *np.rad2deg(m.gyro).T]
    return write_lines(
        path,
        f'"sep={delimiter}"',
        delimiter.join(names) + delimiter,
        delimiter.join(units) + delimiter,
        lines_of(stamps, *columns, delimiter=delimiter, last=delimiter),
    )


def write_old_shimmer(path, m):
    """A file with kinds (CAL, RAW) in a row, and each name twice."""
    names, kinds, units = ['Timestamp'] * 2, ['RAW', 'CAL'], ['no_units', 'ms']
    columns = [integers(m.times * 32768), m.times * 1e3]
    for label, values, unit in (
        ('Low Noise Accelerometer', m.acc, 'm/(sec^2)'),
        ('Gyroscope', np.rad2deg(m.gyro), 'deg/sec'),
    ):
        for axis, column in zip('XYZ', values.T):
            names += [f'{label} {axis}'] * 2
            kinds += ['RAW', 'CAL']
            units += ['no_units', unit]
            columns += [integers(100 * column), column]
    head = ['\t'.join(row) for row in (names, kinds, units)]
    return write_lines(path, head, lines_of(*columns, delimiter='\t'))


def write_metawear(
    path, times, values, unit, start=1.56e12, first='epoc (ms)'
):
    """A file of MetaBase: one channel."""
    stamps = integers(start + times * 1e3)
    dates = ['2019-06-13T15.12.36.730'] * len(stamps)
    elapsed = [f'{t - times[0]:.3f}' for t in times]
    axes = ','.join(f'{axis}-axis ({unit})' for axis in 'xyz')
    return write_lines(
        path,
        f'{first},timestamp (-0700),elapsed (s),{axes}',
        lines_of(stamps, dates, elapsed, *values.T),
    )


def write_polar(path, times, values, unit, start=599_628_003_000_000_000):
    """A file of Polar Sensor Logger: one channel; names end in a space."""
    stamps = [str(start + round(t * 1e9)) for t in times]
    phone = ['2019-01-01T12:00:03.950'] * len(stamps)
    axes = ';'.join(f'{axis} [{unit}]' for axis in 'XYZ')
    return write_lines(
        path,
        f'Phone timestamp;sensor timestamp [ns];{axes} ',
        lines_of(phone, stamps, *values.T, delimiter=';'),
    )


def write_e4(path, m, rate=32, start=1_470_000_000):
    """``ACC.csv`` of Empatica E4, whose values are whole numbers."""
    counts = [integers(column * 64 / G) for column in m.acc.T]
    return write_lines(
        path,
        ', '.join([f'{start:.2f}'] * 3),
        ', '.join([f'{rate:.6f}'] * 3),
        lines_of(*counts),
    )


def write_embrace(path, m, start=1.6e15, counts=False):
    """``accelerometer.csv`` of EmbracePlus."""
    values = np.round(m.acc / G * 2048) if counts else m.acc / G
    stamps = integers(start + m.times * 1e6)
    rows = lines_of(stamps, *values.T)
    return write_lines(path, 'unix_timestamp,x,y,z', rows)


def _padded(columns, num):
    return [[*column, *[np.nan] * (num - len(column))] for column in columns]


def write_emgworks(path, sensors, units=True, muscle=1000):
    """A file of EMGworks: times before each channel, EMG at its own rate."""
    names, columns, labels = [], [], []
    for number, (sensor, m) in enumerate(sensors.items(), 1):
        times = np.arange(int(muscle * m.times[-1]) + 1) / muscle
        channels = [(f'{sensor}: EMG {number}', times, np.sin(times), 'V')]
        for label, values, unit in (
            ('Acc', m.acc / G, 'g'),
            ('Gyro', np.rad2deg(m.gyro), 'deg/sec'),
        ):
            channels += [
                (f'{sensor}: {label} {number}.{axis} (IM)', m.times, v, unit)
                for axis, v in zip('XYZ', values.T)
            ]
        for name, times, values, unit in channels:
            labels.append(
                f'Label: {name} Sampling frequency: 1e2 Number of points: '
                f'{len(values)} start: 0 Unit: {unit} Domain Unit: s'
            )
            names += ['X [s]', f'"{name} [{unit}]"' if units else f'"{name}"']
            columns += [times, values]
    columns = _padded(columns, max(map(len, columns)))
    head = [] if units else labels
    return write_lines(path, head, ','.join(names), lines_of(*columns))


def write_discover(path, sensors, muscle=1000, delimiter=',', decimal='.'):
    """A file of Trigno Discover, perhaps with decimal commas."""
    owners, modes, names, rates, columns = [], [], [], [], []
    for sensor, m in sensors.items():
        times = np.arange(int(muscle * m.times[-1]) + 1) / muscle
        channels = [('EMG 1', 'mV', times, np.sin(times), muscle)]
        for label, values, unit in (
            ('ACC', m.acc / G, 'G'),
            ('GYRO', np.rad2deg(m.gyro), 'deg/s'),
        ):
            channels += [
                (f'{label} {axis}', unit, m.times, v, RATE)
                for axis, v in zip('XYZ', values.T)
            ]
        owners += [f'{sensor} (75657)', *[''] * (2 * len(channels) - 1)]
        modes += ['sensor mode: 66', *[''] * (2 * len(channels) - 1)]
        for name, unit, times, values, rate in channels:
            names += [f'{name} Time Series (s)', f'{name} ({unit})']
            rates += ['', f'{rate} Hz']
            columns += [times, values]
    columns = _padded(columns, max(map(len, columns)))
    space = f'{delimiter} '
    return write_lines(
        path,
        f'Application:{space}Trigno Discover (2.1.0.7)',
        f'Date/Time:{space}01-01-2026 10:00:00',
        f'Collection Length (seconds):{space}4{decimal}0',
        *(space.join(row) for row in (owners, modes, names, rates)),
        lines_of(*columns, delimiter=delimiter, decimal=decimal),
    )


def write_noraxon(path, sensors, style='{side} {part} Accel Sensor', **how):
    """A file of myoRESEARCH: mG, deg/s, the vector of the quaternion."""
    delimiter, decimal = how.get('delimiter', ','), how.get('decimal', '.')
    names, columns = ['time', 'Activity', 'Marker'], []
    for (side, part), m in sensors.items():
        segment = f'Noraxon MyoMotion-Segments-{part} {side}'.strip()
        columns += [*(m.acc.T / G * 1000), *np.rad2deg(m.gyro).T]
        columns += [*m.quat[:, 1:].T]
        names += [
            f'{side} {part} Accel Sensor {axis} (mG)'.strip() for axis in 'XYZ'
        ]
        names += [f'{segment}-Gyroscope-{axis} (deg/s)' for axis in 'xyz']
        names += [f'{side} {part} Rot {axis}'.strip() for axis in 'XYZ']
        names += [f'{side} {part} Flexion (deg)'.strip()]
        columns += [m.times]
    m = next(iter(sensors.values()))
    empty = [''] * len(m.times)
    rows = lines_of(
        m.times, empty, empty, *columns, delimiter=delimiter, decimal=decimal
    )
    head = how.get('head', [])
    return write_lines(path, head, delimiter.join(names), rows)
