"""The documentation builds, and every warning is an error."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = ('sphinx', 'myst_parser', 'furo')


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED),
    reason="needs pip install -e '.[docs]'",
)
def test_documentation_builds_without_warnings(tmp_path):
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q']
    process = subprocess.run(
        [*command, ROOT / 'docs', tmp_path],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert process.returncode == 0, process.stderr
    api = (tmp_path / 'api.html').read_text()
    for name in (
        *('LimbTokenizer', 'retrieval_ranks', 'FusedSynchronizer'),
        *('IMUPoseDataset', 'MoBindInferencer', 'BaseReader', 'write_imu'),
    ):
        assert f'.{name}"' in api, name
    assert (tmp_path / '_images/retrieval.png').is_file()
