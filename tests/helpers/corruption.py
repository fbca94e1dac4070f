"""Damaged copies of files, and what a reader may do with them."""

import gc
import os
import pickle
import re
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mobind_mm.recordings import (
    PoseStream,
    read_annotations,
    read_imu,
    read_pose,
)
from mobind_mm.utils.cli import USER_ERRORS, _is_ours

MEMORY = 1 << 30
"""Bytes that reading a damaged file may take on top of what is in use."""

_NUMBER = re.compile(rb'-?\d+\.?\d*(?:[eE][-+]?\d+)?')
_ODD = (
    b'nan', b'inf', b'-1', b'0', b'1e999', b'99999999999999', b'', b'abc',
    b'null', b'[]', b'{}', b'"', b'\xff\xfe', b'1.2.3', b'1,5',
)  # fmt: skip


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


_OTHERS = {
    'nothing': b'',
    'a picture': b'\x89PNG\r\n\x1a\n' + bytes(range(256)),
    'a page': b'<html><body>404</body></html>',
    'half an archive': b'PK\x03\x04' + bytes(60),
    'zeros': bytes(5000),
    'another table': b'a,b\n1,2\n',
    'a number': b'5',
    'null': b'null',
}


def among_good_ones(files, seed, count):
    """Yield (what was done, the files, names of the bad ones).

    One file is damaged, changed for another, given twice or under the
    suffix of another, or is no longer what its name says.

    Args:
        files: Name to content.
        seed: Of the damage.
        count: How often.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        one, other = (str(n) for n in rng.choice([*files], 2))
        folder, _, name = one.rpartition('/')
        bad, kind = dict(files), number % 5
        if kind == 0:
            what = str(rng.choice([*_OTHERS]))
            bad[one], what = _OTHERS[what], f'{one} is {what}'
        elif kind == 1:
            what = f'{one} and {other} changed places'
            bad[one], bad[other] = files[other], files[one]
        elif kind == 2:
            what = f'{other} again in {folder}'
            bad[f'{folder}/copy of {Path(other).name}'] = files[other]
        elif kind == 3:
            what = f'{one} with the suffix of {other}'
            stem, suffix = Path(name).stem, Path(other).suffix
            bad[f'{folder}/{stem}{suffix}'] = bad.pop(one)
        else:
            damaged = [*corruptions(files[one], int(rng.integers(1e9)), 8)]
            what, bad[one] = damaged[int(rng.integers(8))]
            what = f'{one}: {what}'
        yield (
            what,
            bad,
            {n for n in {**files, **bad} if bad.get(n) != files.get(n)},
        )


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


def check_damaged(read, files, folder, count=100, seed=0, damage=None):
    """Read damaged copies of a file, or of one that has others beside it.

    Each copy must end in streams that are well formed, or in one clear
    error that names a file or folder of the copy.

    Args:
        read: Called with the path of the first of ``files``; returns streams
            by name (of sensors, or of people).
        files: Name to bytes; names may be paths below the folder.
        folder: An empty directory.
        count: Number of copies.
        seed: Of the damage.
        damage: Names of the files that are damaged in turn; all by default.

    Returns:
        How many copies could be read, and how many were refused.
    """
    root, outcomes = Path(folder), {'read': 0, 'refused': 0}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    first = root / next(iter(files))
    _use_libraries(read, first)
    damage = [*(damage or files)]
    each = -(-count // len(damage))
    for number, name in enumerate(damage):
        for what, content in corruptions(files[name], seed + number, each):
            (root / name).write_bytes(content)
            try:
                outcome = _read_contained(read, first)
            except BaseException as error:
                raise AssertionError(f'{name}, {what}: {error}') from error
            outcomes['read' if outcome == 'fine' else 'refused'] += 1
        (root / name).write_bytes(files[name])
    return outcomes


def _use_libraries(read, path):
    """Read the whole file, after which libraries hold the memory they keep."""
    import pandas

    pandas.Series(['text', None]).astype(str).str.len()
    assert read(path), 'the whole file cannot be read'


def _read_contained(read, path):
    """'fine' if the streams are well formed, else the message."""
    try:
        with _memory_limit():
            streams = read(path)
    except USER_ERRORS as error:
        assert _is_ours(error), f'not our error: {error!r}'
        message = str(error)
        assert '\n' not in message, f'several lines: {message!r}'
        assert len(message) < 2000, f'too long: {message[:500]!r}'
        assert path.parent.name in message, f'names no file: {message!r}'
        return message
    assert streams, 'nothing was read, and nothing was said'
    for stream in streams.values():
        _check_stream(stream)
    return 'fine'


def _check_stream(stream):
    times = stream.clock.at()
    assert len(times) and np.isfinite(times).all(), 'times are not finite'
    assert (np.diff(times) > 0).all(), 'times do not increase'
    if isinstance(stream, PoseStream):
        arrays = {'keypoints': stream.keypoints, 'scores': stream.scores}
        assert np.asarray(stream.scores).min() >= 0, 'scores below 0'
    else:
        arrays = dict(stream.channels)
        assert arrays, 'no channel'
    for name, values in arrays.items():
        values = np.asarray(values)
        assert len(values) == len(times), f'{name}: {len(values)} samples'
        if not isinstance(stream, PoseStream):
            assert np.isfinite(values).all(), f'{name} is not finite'
        if name == 'quat':
            norms = np.linalg.norm(values, axis=1)
            assert np.abs(norms - 1).max() < 1e-3, 'quat is not of norm 1'
    assert all(isinstance(n, str) and '\n' not in n for n in stream.notes)


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
