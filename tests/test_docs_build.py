"""The documentation builds, and every warning is an error."""

import importlib.util
from pathlib import Path

import pytest
from programs import python

ROOT = Path(__file__).parents[1]
NEEDED = ('sphinx', 'myst_parser', 'furo')


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED),
    reason="needs pip install -e '.[docs]'",
)
def test_documentation_builds_without_warnings(tmp_path):
    sphinx = '-m', 'sphinx', '-W', '--keep-going', '-q'
    python(*sphinx, ROOT / 'docs', tmp_path)
    api = (tmp_path / 'api.html').read_text()
    for name in (
        *('LimbTokenizer', 'retrieval_ranks', 'FusedSynchronizer'),
        *('IMUPoseDataset', 'MoBindInferencer', 'BaseReader', 'write_imu'),
    ):
        assert f'.{name}"' in api, name
    assert (tmp_path / '_images/retrieval.png').is_file()
