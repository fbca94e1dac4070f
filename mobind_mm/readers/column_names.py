"""What the names of columns say: sensor, channel, axis, unit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_KINDS = {
    'quat': r'quat\w*|q|orientation|attitude',
    'gravity': r'grav\w*|grv',
    'mag': r'mag\w*|m|compass',
    'gyro': r'gyr\w*|gy|g|rot\w*|rotationrate|ang(?!les?$)\w*|omega|w|rate'
    r'|dreh\w*|winkel\w*|giro\w*|hoek\w*|zyro\w*|jiro\w*',
    'acc': r'acc\w*|acl|ac|a|lin(ea[rl]\w*|acc\w*)?|user\w*|force|motion'
    r'|beschl\w*|acel\w*|versnel\w*|przysp\w*|ivme',
    'other': r'euler\w*|angles?|roll|pitch|yaw|mat\w*|vel\w*|pos\w*|lat\w*'
    r'|lon\w*',
}
"""What columns of a channel are called."""
_FREE = re.compile(r'(?<![a-z])lin(?=ea[rl]|acc|_|$)|user|free|world|nograv')
"""What acceleration without gravity is called."""
_WRITTEN = {
    **dict.fromkeys(('角速度', '陀螺仪', '陀螺儀', 'ジャイロ'), ' gyr '),
    **dict.fromkeys(('각속도', '자이로'), ' gyr '),
    **dict.fromkeys(('加速度', '가속도'), ' acc '),
    **dict.fromkeys(('线性', '線性', '線形', '선형'), ' lin '),
    r'гироскоп\w*|угловая скорость': ' gyr ',
    r'ускорени\w*|акселерометр\w*': ' acc ',
}
"""Words of other scripts, of which some have no spaces between them."""
_HEADER_UNITS = {
    'acc': {
        r'm/s(ec)?(\^?2|²|/s)|m/\(s\^2\)|ms-?2|m\.s-2': 'm/s2',
        r'm_?s_?2|mps2|mss': 'm/s2',
        r'g|gs|g-force': 'g',
        r'mg|milli ?g': 'mg',
        r'cm/s(\^?2|²)': '1/100 m/s2',
        r'mm/s(\^?2|²)': '1/1000 m/s2',
    },
    'gyro': {
        r'rad/s|rps|rad/sec|rad_?s|radps|rads': 'rad/s',
        r'deg/s|dps|°/s|deg/sec|degrees/s(ec)?|º/s|deg_?s|degps': 'deg/s',
        r'mdps|mdeg/s|m°/s': '1/1000 deg/s',
        r'mrad/s': '1/1000 rad/s',
        r'rpm|r/min': '6 deg/s',
    },
    'mag': {
        r'u[tT]|µ[tT]|μ[tT]|micro-?T(eslas?)?': 'uT',
        r'mT': 'mT',
        r'gauss|G': 'gauss',
    },
    'time': {
        r's|sec|seconds': 's',
        r'ms|msec|milliseconds': 'ms',
        r'us|µs|μs|micros(ec)?|microsec(ond)?s?': 'us',
        r'ns|nanoseconds': 'ns',
        r'min|minutes': '60 s',
        r'h|hours': '3600 s',
    },
}
_AXIS_UNIT = re.compile(r'(.*(?:^|[\W_]|[a-z](?=[XYZ])|a|g)[xyzXYZ])_(\D.*)')
"""A name whose axis is followed by a unit, such as ``ax_m/s/s``."""


def header_unit(name: str, kind: str) -> str:
    """Unit that the name of a column gives.

    >>> header_unit('X [mg]', 'acc'), header_unit('gyroX_dps', 'gyro')
    ('mg', 'deg/s')
    >>> header_unit('ax_m/s/s', 'acc'), header_unit('time (min)', 'time')
    ('m/s2', '60 s')
    """
    match = re.search(r'[(\[]\s*([^)\]]+?)\s*[)\]]', name)
    text = match[1] if match else ''
    if kind == 'time' and not text:
        end = re.search(
            r'_(s|ms|us|ns|sec|microsec|min|h|hours)$|(nano|milli|micro)',
            name,
            re.I,
        )
        words = {'nano': 'ns', 'milli': 'ms', 'micro': 'us'}
        if end:
            text = words.get((end[2] or '').lower(), end[1] or '')
        elif re.search(r'second', name, re.I):
            text = 's'
    elif not text and (end := _AXIS_UNIT.fullmatch(name)):
        text = end[2]
    for pattern, unit in _HEADER_UNITS[kind].items():
        flags = 0 if kind in ('mag', 'time') else re.IGNORECASE
        if text and re.fullmatch(pattern, text, flags):
            return unit
    return ''


def kind_of_word(text: str) -> str:
    """Channel of a sensor that is called so; '' if it is of none.

    >>> [kind_of_word(n) for n in ('Accelerometer', 'x.GYR', 'left', 'linear')]
    ['acc', 'gyro', '', 'linear']
    """
    words = re.findall('[a-z]+', text.lower()) or ['']
    if any(re.match('linear|user', word) for word in words):
        return 'linear'
    starts = {'acc': 'acc', 'gyr': 'gyro', 'mag': 'mag', 'grav': 'gravity'}
    ends = words[0], words[-1]
    return next(
        (k for s, k in starts.items() if any(w.startswith(s) for w in ends)),
        '',
    )


@dataclass(frozen=True)
class Column:
    """Parts of the name of a column."""

    sensor: str
    kind: str
    axis: str
    free: bool


def parse_column(name: str) -> Column | None:
    """Sensor, channel and axis that the name of a column says, if so.

    >>> parse_column('right_wrist_acc_x')
    Column(sensor='right_wrist', kind='acc', axis='x', free=False)
    >>> parse_column('X [mg]').axis, parse_column('gz').kind
    ('x', 'gyro')
    >>> [parse_column(n).sensor for n in ('ax1', 'gyro_x_2', 'gFx3')]
    ['1', '2', '3']
    >>> [parse_column(n).sensor for n in ('acc_A_x', 'ax', 'right_a_x')]
    ['a', '', 'right']
    >>> parse_column('Acc_Z_y').sensor, parse_column('Acc_Z_y').axis
    ('y', 'z')
    """
    end = _AXIS_UNIT.fullmatch(name)
    if end and any(header_unit(name, k) for k in ('acc', 'gyro', 'mag')):
        name = end[1]
    name = re.sub(r'[(\[]([xyzXYZ0-3])[)\]]', r' \1', name)
    name = re.sub('includ[a-z]*[ _]?gravity', '', name, flags=re.IGNORECASE)
    for written, word in _WRITTEN.items():
        name = re.sub(written, word, name, flags=re.IGNORECASE)
    name = ''.join(
        c
        for c in unicodedata.normalize('NFKD', name)
        if c < '\u0300' or c > '\u036f'
    )
    name = re.sub(r'\bgF(?=[xyz])', 'acc_', name)  # Physics Toolbox
    bare = re.sub(r'[(\[].*?[)\]]', ' ', name)
    bare = re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', bare).lower()
    words = [w for w in re.split(r'[^a-z0-9]+', bare) if w]
    words = [w for w in words if w not in ('axis', 'data', 'value', 'raw')]
    merged = len(words) > 1 and words[-1] in ('x', 'y')
    if merged and re.fullmatch('([a-z]+)?[wxyz]', words[-2]):
        words.insert(0, words.pop())  # Acc_X_y: pandas' mark of a table
    axis = ''
    for index in (-1, 0, *range(1, len(words) - 1)):
        if len(words) > index and words and words[index] in tuple('wxyz'):
            axis = words.pop(index)
            break
    if not axis and words:
        ends = '_'.join(words[-2:])
        if number := re.fullmatch(
            r'(acc\w*?|gyr\w*?|mag|a|g|m)_?([xyz])_?(\d+)', ends
        ):
            # ax1, ax_1, AccX1: of the first sensor
            words[-2:] = [number[3], number[1] + number[2]]
        match = re.fullmatch(
            r'(acc|acce?l\w*|gyr\w*?|ac|gy|mag|rot|quat|grav\w*|a|g|m|w|q)'
            r'_?([wxyz0-3])',
            words[-1],
        )
        if match:
            words[-1], axis = match[1], match[2]
        elif words[-1] in ('0', '1', '2', '3') and len(words) > 1:
            axis = words.pop()
    if not axis:
        return None
    text = '_'.join(words)
    free = bool(_FREE.search(text))
    for kind, pattern in _KINDS.items():
        for word in words:
            if re.fullmatch(pattern, word):
                said = [w for w in words if re.fullmatch(pattern, w)]
                whole = [w for w in said if len(w) > 1]
                if kind == 'acc' and whole:  # A of acc_A_x is a sensor
                    said = whole
                rest = [w for w in words if w not in said]
                if number := re.fullmatch(r'[a-z]+(\d+)', word):
                    rest.append(number[1])  # Acc1_X, Acc2_X
                rest = [w for w in rest if not _FREE.search(w)]
                rest = [
                    w
                    for w in rest
                    if not re.match('vel|rate|vites|geschw|predk', w)
                ]
                return Column('_'.join(rest), kind, axis, free)
    return Column(text, '', axis, free)
