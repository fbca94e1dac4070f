"""Damaged copies of files, and what a reader may do with them."""

import gc
import os
import pickle
import re
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mobind_mm.recordings import read_annotations, read_imu, read_pose
from mobind_mm.utils.cli import USER_ERRORS, _is_ours

MEMORY = 1 << 30
"""Bytes that reading a damaged file may take on top of what is in use."""

_NUMBER = re.compile(rb'-?\d+\.?\d*(?:[eE][-+]?\d+)?')
_ODD = (
    *(b'nan', b'inf', b'-1', b'0', b'1e999', b'99999999999999', b''),
    *(b'abc', b'null', b'[]', b'{}', b'"', b'\xff\xfe', b'1.2.3', b'1,5'),
)


def corruptions(content, seed, count):
    """Yield (what was done, damaged content), ``count`` times."""
    rng = np.random.default_rng(seed)
    kinds = [_flip, _cut, _grow, _fill, _numbers, _lines, _columns, _huge]
    for index in range(count):
        kind = kinds[index % len(kinds)]
        yield f'{index}: {kind.__name__[1:]}', kind(bytes(content), rng)


def _flip(content, rng):
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        place = int(rng.integers(len(damaged)))
        damaged[place] = int(rng.integers(256))
    return bytes(damaged)


def _cut(content, rng):
    if rng.random() < 0.1:
        return b''
    return content[: int(rng.integers(len(content)))]


def _grow(content, rng):
    return content + rng.bytes(int(rng.integers(1, 200)))


def _fill(content, rng):
    first = int(rng.integers(len(content)))
    length = int(rng.integers(1, 64))
    filled = content[first : first + length]
    value = bytes([int(rng.choice([0, 255, 32, 10]))]) * len(filled)
    return content[:first] + value + content[first + length :]


def _numbers(content, rng):
    """Something else in the place of a number."""
    found = list(_NUMBER.finditer(content))
    if not found:
        return _flip(content, rng)
    match = found[int(rng.integers(len(found)))]
    word = _ODD[int(rng.integers(len(_ODD)))]
    return content[: match.start()] + word + content[match.end() :]


def _lines(content, rng):
    """A line dropped, doubled or at another place."""
    lines = content.split(b'\n')
    line = lines.pop(int(rng.integers(len(lines))))
    for _ in range(int(rng.integers(3))):
        lines.insert(int(rng.integers(len(lines) + 1)), line)
    return b'\n'.join(lines)


def _columns(content, rng):
    """A column dropped, from some line on or everywhere."""
    lines = content.split(b'\n')
    first = int(rng.integers(len(lines))) if rng.random() < 0.5 else 0
    marks = [mark for mark in (b'\t', b',', b';', b' ') if mark in content]
    if not marks:
        return _flip(content, rng)
    mark, column = marks[0], int(rng.integers(4))
    for number in range(first, len(lines)):
        fields = lines[number].split(mark)
        del fields[column : column + 1]
        lines[number] = mark.join(fields)
    return b'\n'.join(lines)


def _huge(content, rng):
    """Eight bytes that read as a huge count, or many more digits."""
    place = int(rng.integers(len(content)))
    value = [b'\xff\xff\xff\x7f' * 2, b'\xff' * 8, b'9' * 30, b'[' * 5000]
    chosen = value[int(rng.integers(len(value)))]
    return content[:place] + chosen + content[place + len(chosen) :]


def check_contained(convert, dst):
    """Run a conversion of a damaged file.

    Returns 'fine', or the message of a clear error. Fails if the error came
    from inside a library or has several lines, if the memory limit was
    reached, or if anything but whole files is left in ``dst``.
    """
    try:
        with _memory_limit():
            convert()
        outcome = 'fine'
    except USER_ERRORS as error:
        assert _is_ours(error), f'not our error: {error!r}'
        outcome = str(error)
        assert '\n' not in outcome, f'several lines: {outcome!r}'
        assert len(outcome) < 2000, f'too long: {outcome[:500]!r}'
    _check_whole(Path(dst), outcome)
    return outcome


def _check_whole(dst, outcome):
    for path in dst.rglob('*'):
        if path.is_dir():
            continue
        assert not path.name.endswith('.tmp'), f'{path} is left: {outcome}'
        if path.suffix == '.json':
            assert outcome == 'fine', f'{path} was written before {outcome}'
            read_annotations(path)
        elif path.parent.name == 'imu':
            read_imu(path)
        elif path.parent.name == 'pose':
            read_pose(path)


@contextmanager
def _memory_limit():
    """Let this process take only :data:`MEMORY` more."""
    gc.collect()
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class _Malicious:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def malicious_pickle(marker):
    """A pickle that makes the directory ``marker`` when it is executed."""
    return pickle.dumps(_Malicious(marker), protocol=2)
