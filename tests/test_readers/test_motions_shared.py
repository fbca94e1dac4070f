"""The compact files of real people, against their own small reader."""

import importlib.util

import numpy as np
import pytest
from helpers.shared import shared_path

from mobind_mm.readers.motions import FREE_LICENCES, read_motions
from mobind_mm.readers.motions_body import JOINT


@pytest.mark.slow
@pytest.mark.parametrize('name', ['cmu_amc', 'cmu_actions8', 'hdm05'])
def test_compact_files_against_their_reader(name):
    path = shared_path(f'data/mocap/{name}.npz')
    spec = importlib.util.spec_from_file_location(
        'their_reader', path.parent / 'read_motions.py'
    )
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    expected = theirs.Motions(path)
    motions = read_motions(path, licences=None)
    assert len(motions) == len(expected)
    for i in range(0, len(motions), 7):
        positions, quats, rate = expected[i]
        np.testing.assert_allclose(motions[i].positions, positions, atol=1e-9)
        np.testing.assert_allclose(motions[i].orientations, quats, atol=1e-9)
        assert motions[i].rate == rate
        assert motions[i].clip == expected.clip[i]
        # z is up, and the floor at 0.
        head = motions[i].positions[:, JOINT['head'], 2]
        assert -0.05 < np.median(head) < 2.0
    free = any(x in motions[0].licence for x in FREE_LICENCES)
    assert free == (name != 'hdm05')
    if not free:
        with pytest.raises(ValueError, match='CC BY-SA'):
            read_motions(path)
