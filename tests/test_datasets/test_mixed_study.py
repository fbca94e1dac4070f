"""A mixed study has the files that its truth names."""

import csv

import pytest

from mobind_mm.datasets.synthetic.mixed_study import write_mixed_study
from mobind_mm.readers.files import Video, load_people
from mobind_mm.readers.sensors import read_imu_file


def test_files_and_truth(tmp_path):
    path = write_mixed_study(tmp_path, 1, 1, 1, seconds=4.0, seed=1)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(
        (bool(r['recording']), bool(r['video']), bool(r['offset_s']))
        for r in rows
    ) == [(False, True, False), (True, False, False), (True, True, True)]
    named = {r[key] for r in rows for key in ('recording', 'video')} - {''}
    found = {
        p.relative_to(tmp_path).as_posix()
        for p in tmp_path.rglob('*')
        if p.is_file() and p != path
    }
    assert named == found and len(named) == 4
    for row in rows:
        if row['recording']:
            streams = read_imu_file(tmp_path / row['recording'])
            assert {*streams} == {'right_wrist', 'left_knee'}
            start, end = streams['left_knee'].clock.span
            assert end - start == pytest.approx(4.0, abs=0.05)
        if row['video']:
            video = Video(rate=30.0, img_shape=(1080, 1920))
            people = load_people(tmp_path / row['video'], video)
            assert len(people) > int(row['person'] or 0)
        if row['offset_s']:  # both are cut from 16 s
            assert abs(float(row['offset_s']) - start) < 12.1


def test_a_study_of_nothing(tmp_path):
    with pytest.raises(ValueError, match='needs recordings or videos'):
        write_mixed_study(tmp_path, 0, 0, 0)
