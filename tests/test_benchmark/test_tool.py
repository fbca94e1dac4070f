"""The benchmark runs, and writes what it prints."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from benchmarking.settings import exponent, interleaved, peak_mib

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/analysis_tools/benchmark.py'
RUNTIME = str(ROOT / 'configs/_base_/default_runtime.py')


def _run(monkeypatch, *args):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *args])
    runpy.run_path(str(TOOL), run_name='__main__')


@pytest.mark.slow
def test_quick_benchmark_writes_every_part(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'speed.json'
    shown = tmp_path / 'pictures'
    _run(
        monkeypatch,
        *('--quick', '--scaling', '--out', str(out)),
        *('--show-dir', str(shown)),
    )
    assert {path.name for path in shown.iterdir()} == {
        'growth.png',
        'step_parts.png',
    }
    result = json.loads(out.read_text('utf-8'))
    assert result['machine']['device'] == 'cpu'
    step = result['step']
    assert step['reference']['times_reference'] == 1
    assert step['published']['clips_per_s'] > 0
    assert 3 < step['gflop_per_clip'] / step['efficient_gflop_per_clip'] < 12
    assert result['inference']['largest_difference'] < 1e-4
    assert result['loading']['packed']['times_reference_0_workers'] > 0
    sync = result['sync']
    assert sync['sub_windows'] == 141
    parts = sync['reference']
    assert parts['total_s'] == pytest.approx(
        parts['encode_s'] + parts['vote_s']
    )
    assert result['retrieval']['chunked']['items'] == 300
    for name in ('batch', 'limbs', 'window_s', 'sync_minutes'):
        row = result['scaling'][name]
        assert len(row['sizes']) == len(row['seconds']) == 2
    assert 'times_reference' in capsys.readouterr().out


@pytest.mark.parametrize(
    'args, error',
    [
        (['--device', 'cuda'], 'finds no GPU'),
        (['--batch-size', '0'], '--batch-size must be > 0'),
        (['--parts', '--encoders', RUNTIME], 'takes configs of MoBind'),
    ],
)
def test_mistakes_are_named(monkeypatch, capsys, args, error):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    with pytest.raises(SystemExit):
        _run(monkeypatch, *args)
    assert error in capsys.readouterr().err


def test_exponent_of_a_power():
    assert exponent([1, 2, 8], [3, 12, 192]) == pytest.approx(2)


def test_jobs_take_turns_and_the_first_does_not_count():
    order = []
    jobs = {name: lambda n=name: order.append(n) for name in 'ab'}
    assert set(interleaved(jobs, 2)) == {'a', 'b'}
    assert ''.join(order) == 'ababab'


@pytest.mark.skipif(
    not Path('/proc/self/clear_refs').exists(), reason='needs Linux'
)
def test_peak_memory_is_what_a_job_holds():
    assert 60 < peak_mib(lambda: bytearray(64 * 2**20)) < 70
    assert peak_mib(lambda: None) < 5


def test_encoders_of_configs(tmp_path, monkeypatch):
    out = tmp_path / 'encoders.json'
    configs = [
        str(ROOT / 'configs/mobind' / name)
        for name in ('encoders/utd_mhad_published.py', 'utd_mhad.py')
    ]
    args = ('--repeats', '1', '--parts', '--encoders', *configs)
    _run(monkeypatch, '--out', str(out), *args)
    rows = json.loads(out.read_text('utf-8'))['encoders']
    assert list(rows) == ['reference', *configs]
    reference, published, efficient = rows.values()
    assert reference['times_reference'] == 1
    # The same encoder on the one limb that wears a sensor.
    ratio = published['gflop_per_clip'] / reference['gflop_per_clip']
    assert ratio == pytest.approx(1, abs=0.05)
    assert published['gflop_per_clip'] > 3.3 * efficient['gflop_per_clip']
