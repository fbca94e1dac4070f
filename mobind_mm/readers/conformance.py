"""A test of the contract that every reader can be put to."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from ..recordings import PoseStream
from ..recordings.schema import check_pose, check_sensor
from .base import FileReader, Reader
from .convert import SPLITS, convert


def check_reader(reader: Reader, dst: str | Path) -> None:
    """Put a reader, bound to a small source, to the test of its contract.

    Call it in a test of your own reader, with a temporary directory.

    Args:
        reader: The reader, bound to a source that holds something.
        dst: Empty directory, into which the source is converted if the
            reader finds takes in it.

    Raises:
        AssertionError: Naming what the contract asks for.
    """
    kind = type(reader)
    assert kind.name and isinstance(kind.name, str), 'A reader has a name.'
    assert not kind.recognizes(Path(dst) / 'there is nothing'), (
        'recognizes() says False, rather than an error, where nothing is.'
    )
    if isinstance(reader, FileReader):
        _check_file_reader(reader)
        return
    assert isinstance(reader, Reader), (
        f'{kind.__name__} lacks one of the members of Reader: name, '
        'metainfo, source, recognizes, find, plan, read, segments, '
        'check_entries.'
    )
    jobs = reader.find()
    try:  # as they go to worker processes
        ForkingPickler.dumps((reader, jobs))
    except Exception as error:
        raise AssertionError(
            f'{kind.__name__} and its jobs can be pickled ({error}).'
        ) from error
    assert jobs, 'find() raises FileNotFoundError where there is nothing.'
    for job in jobs:
        plan = reader.plan(job, Path(dst))
        read, contents = reader.read(job, None)
        given = {output.path: streams for output, streams in contents}
        assert plan is None or plan == read, (
            'plan() and read() describe the same takes.'
        )
        for take in read.takes:
            assert take.split in SPLITS, take.split
            for output in take.outputs:
                assert output.path in given, f'{output.path} was not read.'
                streams = given[output.path]
                if isinstance(streams, PoseStream):
                    check_pose(streams, output.path)
                else:
                    for placement, stream in streams.items():
                        check_sensor(stream, f'{output.path}: {placement}')
    first = convert(reader, dst)
    states = {p: p.stat().st_mtime_ns for p in Path(dst).glob('*/*.saf*')}
    assert sum(first.entries.values()), 'A conversion gives entries.'
    assert convert(reader, dst) == first, (
        'A second conversion tells the same, notes included.'
    )
    assert all(p.stat().st_mtime_ns == t for p, t in states.items()), (
        'A second conversion writes no stream again: made_of must not change '
        'from run to run.'
    )


def _check_file_reader(reader: FileReader) -> None:
    kind = type(reader)
    assert kind.recognizes(reader.source), (
        f'{kind.__name__} recognises its own file {reader.source}.'
    )
    has_imu = kind.read_imu is not FileReader.read_imu
    has_people = kind.read_people is not FileReader.read_people
    assert has_imu or has_people, 'Implement read_imu() or read_people().'
    read = 0
    content: Any
    check: Any
    for may, content, check in (
        (has_imu, reader.read_imu, check_sensor),
        (has_people, reader.read_people, check_pose),
    ):
        try:
            streams = content() if may else {}
        except ValueError:
            if not (has_imu and has_people):  # a file holds either
                raise
            continue
        assert streams or not may, 'A file without content is an error.'
        for name, stream in streams.items():
            check(stream, name)
            read += 1
    assert read, 'Neither sensors nor skeletons could be read.'
