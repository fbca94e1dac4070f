"""``mobind sync --study``: flags, exit status, what is printed."""

import argparse

import pytest

from mobind_mm.cli.studying import shard
from mobind_mm.recordings import write_imu, write_pose
from mobind_mm.synchronization.conformance import simulate_recording


def test_two_folders_and_exit_status(tmp_path, command):
    recording = simulate_recording(0, 14.0, offset=0.8)
    write_imu(tmp_path / 'imu/a.safetensors', recording.imu)
    write_pose(tmp_path / 'pose/b.safetensors', recording.pose)
    out = tmp_path / 'out'
    words = ['--imu', tmp_path / 'imu', '--pose', tmp_path / 'pose']
    words += ['--study', '--out-dir', out]
    status, text, _ = command('mobind', 'sync', *words)
    assert status == 0
    pair, _, offset = text.partition(' + ')
    assert pair == (
        'sure: a.safetensors - b.safetensors, b (probability 0.999): '
        'sensor time = video time'
    )
    assert float(offset.split()[0]) == pytest.approx(0.8, abs=0.005)
    assert '1 recordings, 1 videos: 1 sure pairs' in text
    write_imu(tmp_path / 'imu/c.safetensors', simulate_recording(5, 14.0).imu)
    status, text, _ = command('mobind', 'sync', *words)
    assert status == 1 and 'left over: c.safetensors' in text


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--study'], 'a folder or a table'),
        (['--study', 'x', '--imu', 'y'], 'leave out --imu'),
        (['--study', 'nowhere'], 'nowhere does not exist'),
        (['--study', 'x', '--video', 'y'], '--video is for one recording'),
        (['--shard', '1/2'], 'give --study'),
        (['--pose', 'x'], 'Give the sensors'),
    ],
)
def test_mistakes(tmp_path, command, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    status, _, error = command('mobind', 'sync', *words)
    assert status == 2
    assert error.startswith('error: ') and message in error


@pytest.mark.parametrize('text', ['0/2', '3/2', '2', 'a/b', '1/2/3'])
def test_shards_that_are_none(text):
    with pytest.raises(argparse.ArgumentTypeError, match='expected I/N'):
        shard(text)
