"""One known movement, written as apps of phones, watches and cameras do."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mobind_mm.recordings import STANDARD_GRAVITY

EPOCH = 1_727_600_000.0
"""When the recordings start: 2024-09-29, 08:53:20 UTC."""


@dataclass
class Movement:
    """What a phone measures that turns and is moved: (T, 3) each.

    ``acc`` is with gravity, in m/s^2; ``gravity`` what a still phone would
    show; ``gyro`` in rad/s; ``quat`` (T, 4) w x y z, sensor to world.
    """

    times: np.ndarray
    acc: np.ndarray
    gravity: np.ndarray
    gyro: np.ndarray
    quat: np.ndarray

    @property
    def free(self):
        return self.acc - self.gravity


def movement(seconds=20.0, rate=100.0, shift=0.0, speed=1.0):
    """Rotations and accelerations in closed form, at rest at first."""
    times = np.arange(round(seconds * rate)) / rate + shift
    turns = _turns(times, speed)
    step = 1e-4
    after, before = _turns(times + step, speed), _turns(times - step, speed)
    gyro = (before.inv() * after).as_rotvec() / (2 * step)
    up = np.array([0.0, 0.0, STANDARD_GRAVITY])
    moved = speed * np.stack(
        [
            3 * np.sin(5.0 * times),
            2 * np.sin(7.0 * times + 0.3),
            2.5 * np.sin(6.0 * times + 0.7),
        ],
        axis=1,
    )
    gravity = turns.inv().apply(np.tile(up, (len(times), 1)))
    acc = turns.inv().apply(moved + up)
    quat = np.roll(turns.as_quat(), 1, axis=1)
    return Movement(times, acc, gravity, gyro, quat)


def _turns(times, speed):
    about = np.stack(
        [
            0.9 * np.sin(1.3 * times),
            0.7 * np.sin(1.9 * times + 0.5),
            0.8 * np.sin(0.8 * times + 1.0),
        ],
        axis=1,
    )
    return Rotation.from_rotvec(speed * about)


def rows(*columns, form='.9g'):
    """Lines of a CSV; a column is (T,), (T, c), or a list of texts."""
    cells = []
    for column in columns:
        if isinstance(column, list):
            cells.append([column])
            continue
        wide = np.asarray(column, float).reshape(len(column), -1)
        cells.append([[format(v, form) for v in c] for c in wide.T])
    return [','.join(row) for row in zip(*[c for some in cells for c in some])]


def write(path, *lines, newline='\n'):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = newline.join(lines) + newline
    path.write_bytes(text.encode())
    return path


def nanoseconds(times, start=EPOCH):
    """Texts of times as whole nanoseconds."""
    whole = round(start * 1e9)
    return [str(whole + round(t * 1e9)) for t in times]


def dates(times, form, start=EPOCH, digits=3):
    """Texts of times in UTC, in the form of ``datetime``; ``%f`` is cut."""
    out = []
    for t in times:
        whole = round((start + t) * 10**digits)
        second, rest = divmod(whole, 10**digits)
        moment = np.datetime64(int(second), 's').item()
        fraction = f'{rest:0{digits}d}'
        out.append(moment.strftime(form.replace('%f', fraction)))
    return out


def sensor_logger(
    folder,
    move,
    files=('TotalAcceleration', 'Gyroscope'),
    sign=1,
    shifted=None,
    metadata=None,
    inverse=False,
):
    """A folder of Sensor Logger; ``shifted``: the movement at other times."""
    other = shifted or move
    tables = {
        'TotalAcceleration': (move, move.acc),
        'Accelerometer': (move, sign * move.free),
        'AccelerometerUncalibrated': (
            move,
            sign * move.acc / (STANDARD_GRAVITY if sign < 0 else 1),
        ),
        'Gravity': (other, sign * other.gravity),
        'Gyroscope': (other, other.gyro),
        'Magnetometer': (other, 40 * np.ones_like(other.gyro)),
    }
    head = 'time,seconds_elapsed,z,y,x'
    for name in files:
        path = folder / f'{name}.csv'
        if name in ('Orientation', 'GameOrientation'):
            quat = other.quat * ([1, -1, -1, -1] if inverse else [1] * 4)
            lines = rows(nanoseconds(other.times), other.times, quat[:, ::-1])
            names = 'time,seconds_elapsed,qz,qy,qx,qw'
            write(path, names, *lines)
            continue
        source, values = tables[name.removeprefix('Watch')]
        lines = rows(nanoseconds(source.times), source.times, values[:, ::-1])
        write(path, head, *lines)
    if metadata is not None:
        platform, standard = metadata
        write(
            folder / 'Metadata.csv',
            'version,device name,recording epoch time,recording time,recording'
            ' timezone,platform,appVersion,device id,sensors,sampleRateMs,'
            'standardisation,platform version',
            f'3,"Phone, new",{EPOCH * 1e3:.0f},2024-09-29_10-53-20,'
            f'Europe/Berlin,{platform},1.40,abc,Accelerometer|Gyroscope,'
            f'10|10,{standard},17',
        )
    return folder


def wrist_motion(path, move, sign=-1, unit=STANDARD_GRAVITY, gravity=None):
    """``WristMotion.csv`` of an Apple Watch, or ``Headphone.csv``."""
    names = (
        'time,seconds_elapsed,rotationRateX,rotationRateY,rotationRateZ,'
        'gravityX,gravityY,gravityZ,accelerationX,accelerationY,'
        'accelerationZ,quaternionW,quaternionX,quaternionY,quaternionZ'
    )
    lines = rows(
        nanoseconds(move.times),
        move.times,
        move.gyro,
        sign * move.gravity / (gravity or unit),
        sign * move.free / unit,
        move.quat,
    )
    return write(path, names, *lines)


def sensor_log(path, move, units=True, since=90_000.0, off=()):
    """The wide table of SensorLog; quantities in ``off`` are 0."""
    g, zone = STANDARD_GRAVITY, '+0200'
    texts = dates(move.times + 7200 + 0.004, '%Y-%m-%d %H:%M:%S.%f ' + zone)
    axes = 'XYZ'
    columns = {
        'loggingTime(txt)': texts,
        'loggingSample(N)': np.arange(len(move.times)),
        'accelerometerTimestamp_sinceReboot(s)': move.times + since,
    }

    def add(name, unit, values, letters=axes):
        for letter, column in zip(letters, values.T):
            column = 0 * column if name in off else column
            columns[f'{name}{letter}({unit})'] = column

    add('accelerometerAcceleration', 'G', -move.acc / g)
    columns['motionTimestamp_sinceReboot(s)'] = move.times + since
    add('motionRotationRate', 'rad/s', move.gyro)
    add('motionUserAcceleration', 'G', -move.free / g)
    columns['motionAttitudeReferenceFrame(txt)'] = ['XArbitraryZVertical'] * (
        len(texts)
    )
    add('motionQuaternion', 'R', move.quat[:, [1, 2, 3, 0]], 'XYZW')
    add('motionGravity', 'G', -move.gravity / g)
    names = [*columns]
    if not units:
        names = [name.split('(')[0] for name in names]
    return write(path, ','.join(names), *rows(*columns.values(), form='.12g'))


def phyphox(folder, tables, delimiter=',', decimal='.', starts=()):
    """A folder of phyphox: name to (times, label, values, unit)."""
    for name, (times, label, values, unit) in tables.items():
        first = [f'{label} {axis}'.strip() for axis in 'xyz']
        if not label:
            first = ['X', 'Y', 'Z']
        names = ['Time (s)', *(f'{axis} ({unit})' for axis in first)]
        quoted = delimiter.join(f'"{name}"' for name in names)
        lines = rows(times, values, form='.9E')
        lines = [
            line.replace('.', decimal).replace(',', delimiter)
            if decimal == '.'
            else delimiter.join(
                c.replace('.', decimal) for c in line.split(',')
            )
            for line in lines
        ]
        write(folder / f'{name}.csv', quoted, *lines)
    if starts:
        lines = ['"event","experiment time","system time","system time text"']
        for event, experiment, system in starts:
            lines.append(
                f'"{event}",{experiment:.9E},{system:.3f},'
                '"2024-09-29 10:53:20.000 UTC+02:00"'
            )
        write(folder / 'meta' / 'time.csv', *lines)
        write(folder / 'meta' / 'device.csv', '"property","value"')
    return folder


ACTIGRAPH = (
    '------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 '
    'Firmware v1.9.2 date format {form} at {rate} Hz  Filter Normal '
    '-----------',
    'Serial Number: XXX00A00000000',
    'Start Time 08:53:20',
    'Start Date {date}',
    'Epoch Period (hh:mm:ss) 00:00:00',
    'Download Time 00:01:58',
    'Download Date {date}',
    'Current Memory Address: 0',
    'Current Battery Voltage: 3.3     Mode = 12',
    '--------------------------------------------------',
)


def actigraph(path, move, form='dd/MM/yyyy', stamps=True, names=True):
    """ActiLife's CSV with its ten lines of header."""
    shape = {
        'dd/MM/yyyy': '%d/%m/%Y',
        'M/d/yyyy': '%m/%d/%Y',
        'yyyy-MM-dd': '%Y-%m-%d',
        'dd.MM.yyyy': '%d.%m.%Y',
    }[form]
    date = dates([0.0], shape)[0]
    head = [line.format(form=form, rate=100, date=date) for line in ACTIGRAPH]
    columns = ['Accelerometer X', 'Accelerometer Y', 'Accelerometer Z']
    values = [move.acc / STANDARD_GRAVITY]
    if stamps:
        columns.insert(0, 'Timestamp')
        values.insert(0, dates(move.times, shape + ' %H:%M:%S.%f'))
    body = [','.join(columns)] if names else []
    return write(path, *head, *body, *rows(*values))


def geneactiv(path, move, place='left wrist', zone='GMT +01:00', step=1):
    """GENEActiv's CSV with 100 lines of header."""
    facts = {
        0: 'Device Type,GENEActiv',
        1: 'Device Model,1.1',
        10: 'Measurement Frequency,100 Hz',
        11: 'Start Time,2024-09-29 09:53:20:000',
        13: f'Device Location Code,{place}',
        14: f'Time Zone,{zone}',
    }
    head = [facts.get(line, '') for line in range(100)]
    stamps = dates(step * move.times + 3600, '%Y-%m-%d %H:%M:%S:%f')
    extra = np.tile([12.0, 0.0, 26.1], (len(move.times), 1))
    body = rows(stamps, move.acc / STANDARD_GRAVITY, extra)
    return write(path, *head, *body, newline='\r\n')


def axivity(path, move, named=True, gyro=True):
    """OmGui's CSV of an AX6 (or, without gyro, of an AX3)."""
    names = 'Time,Accel-X (g), Accel-Y (g), Accel-Z (g)'
    values = [move.acc / STANDARD_GRAVITY]
    if gyro:
        names += ',Gyro-X (d/s), Gyro-Y (d/s), Gyro-Z (d/s)'
        values.append(np.rad2deg(move.gyro))
    stamps = dates(move.times, '%Y-%m-%d %H:%M:%S.%f')
    return write(path, *([names] if named else []), *rows(stamps, *values))


def biobank(path, move):
    """``time,x,y,z`` of UK Biobank's tools, in British summer time."""
    stamps = dates(
        move.times + 3600, '%Y-%m-%d %H:%M:%S.%f+0100 [Europe/London]'
    )
    values = move.acc / STANDARD_GRAVITY
    return write(path, 'time,x,y,z', *rows(stamps, values))


def gopro(path, move, stream, labels='(z) (x) (y)', unit='m/s²'):
    """One stream of a GoPro's telemetry, axes in the camera's order."""
    kind = {'ACCL': 'Accelerometer', 'GYRO': 'Gyroscope'}[stream]
    unit = unit if stream == 'ACCL' else 'rad/s'
    axes = [f'{kind} {label} [{unit}]' for label in labels.split(' ')]
    if not labels:
        axes = [f'{kind} [{unit}]', '1', '2']
    names = ['cts', 'date', *axes, 'temperature [°C]']
    values = move.acc if stream == 'ACCL' else move.gyro
    stamps = dates(move.times, '%Y-%m-%dT%H:%M:%S.%fZ')
    lines = rows(
        1000 * move.times,
        stamps,
        values[:, [2, 0, 1]],
        np.full(len(stamps), 40.1),
    )
    quoted = ','.join(f'"{name}"' for name in names)
    return write(path, quoted, *lines)


def open_camera(folder, move, other, underscore=True):
    """Tables of OpenCamera Sensors beside a video."""
    take, line = 'VID_20240929_105320', '_' if underscore else ''
    for name, source, values in (
        ('accel', move, move.acc),
        ('gyro', other, other.gyro),
    ):
        stamps = nanoseconds(source.times, 4000.0)
        path = folder / f'{take}{line}{name}.csv'
        write(path, *rows(values, stamps))
    frames = nanoseconds(np.arange(30) / 30, 4000.0)
    write(folder / f'{take}_timestamps.csv', *frames)
    return folder
