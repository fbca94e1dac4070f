"""The reference computes what the released code and ours compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarking.loading import write_files
from benchmarking.models import published_pair, random_inputs
from benchmarking.pictures import draw_growth, draw_step_parts
from benchmarking.reference_model import ReferenceModel
from benchmarking.retrieval import reference_ranks
from benchmarking.settings import Settings, exponent, interleaved, peak_mib
from benchmarking.step import Trainer

from mobind_mm.evaluation.functional import retrieval_ranks

PARITY = Path(__file__).parents[3] / 'shared/parity/mri_tiny_stage2.npz'


@pytest.mark.skipif(not PARITY.is_file(), reason='reference weights not here')
def test_reference_gives_the_released_outputs():
    archive = np.load(PARITY)
    state = {
        key[3:]: torch.from_numpy(np.array(archive[key]))
        for key in archive.files
        if key.startswith('sd/')
    }
    imu, pose = (
        torch.from_numpy(archive[f'in/{name}']) for name in ('imu', 'motion')
    )
    dims = state['imu_norm.weight'].numel()
    depth = 1 + max(int(k.split('.')[2]) for k in state if 'layers' in k[:24])
    patch = {
        name: state[f'{name}_encoder.pre_transformer.weight'].shape[1] // 128
        for name in ('imu', 'motion')
    }
    model = ReferenceModel(
        imu.shape[1],
        (imu.shape[2], patch['imu']),
        (pose.shape[2], patch['motion']),
        state['imu_pos_emb'].shape[1],
        dims,
        int(archive['meta/num_heads']),
        depth,
    )
    model.load_state_dict(state)
    with torch.no_grad():
        feats = model.eval()(imu, pose)
    for name, key in (
        ('imu', 'cls_i'),
        ('pose', 'cls_m'),
        ('imu_tokens', 'token_i'),
        ('pose_local', 'local_m'),
    ):
        expected = torch.from_numpy(archive[f'out/{key}'])
        found = feats[name].reshape(expected.shape)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.fixture(scope='module')
def pair():
    reference, ours = published_pair(2, 1.0, 'cpu')
    return reference, ours, random_inputs(3, 2, 1.0, 'cpu')


def test_ours_equals_the_reference(pair):
    reference, ours, inputs = pair
    reference.eval(), ours.eval()
    with torch.no_grad():
        expected, found = reference(**inputs), ours(inputs)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


def test_gradients_equal_the_references(pair):
    # In evaluation mode nothing is random but which tokens are hidden.
    reference, ours, inputs = pair
    reference.eval(), ours.eval()
    torch.manual_seed(5)
    reference.loss(reference(**inputs)).backward()
    torch.manual_seed(5)
    sum(ours(inputs, mode='loss').values()).backward()
    for theirs, our in (
        ('imu_encoder.conv1', 'imu_backbone.convs.0'),
        ('motion_encoder.bn4', 'pose_backbone.convs.11'),
        ('imu_encoder.pre_transformer', 'imu_backbone.patch_embed'),
        ('imu_agg_proj.0', 'imu_neck.mlp.0'),
        ('imu_pred', 'masked_token_head.predictor'),
        ('sensor_id_emb', 'masked_token_head.sensor_embed'),
    ):
        torch.testing.assert_close(
            ours.get_submodule(our).weight.grad,
            reference.get_submodule(theirs).weight.grad,
            rtol=1e-3,
            atol=1e-6,
        )


def test_bfloat16_changes_little_and_losses_stay_single(pair):
    _, ours, inputs = pair
    ours.eval()
    seen = []
    torch.manual_seed(5)
    exact = ours(inputs, mode='loss')
    loss = ours.head.loss
    ours.head.loss = lambda feats: seen.append(feats) or loss(feats)
    torch.manual_seed(5)
    with torch.autocast('cpu', torch.bfloat16):
        half = ours(inputs, mode='loss')
    ours.head.loss = loss
    assert seen[0]['imu'].dtype == torch.float32
    for name, value in half.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, exact[name], rtol=0.03, atol=0.03)
        assert not torch.equal(value, exact[name])


def test_parts_of_a_step_add_up_and_the_model_moves(pair):
    _, ours, inputs = pair
    trainer = Trainer(ours, inputs, 'cpu')
    before = ours.imu_neck.mlp[0].weight.detach().clone()
    parts = trainer.parts(1)
    assert set(parts) == {
        'imu_backbone',
        'pose_backbone',
        'heads',
        'backward',
        'optimizer',
    }
    assert min(parts.values()) > 0
    assert not torch.equal(before, ours.imu_neck.mlp[0].weight)


def test_ranks_by_sorting_equal_chunked_ranks():
    rng = np.random.default_rng(0)
    query = rng.standard_normal((90, 8)).astype(np.float32)
    gallery = query + rng.standard_normal((90, 8)).astype(np.float32)
    assert np.array_equal(
        reference_ranks(query, gallery), retrieval_ranks(query, gallery)
    )


def test_small_files_hold_one_window_and_limb_each(tmp_path):
    settings = Settings(windows=3, num_limbs=2, window_sec=2.0)
    data = write_files(tmp_path / 'files', settings)
    assert len(data) == 3
    names = {path.name for path in (tmp_path / 'files').iterdir()}
    for n in range(3):
        assert {f'imu_{n}_1.npy', f'pose_{n}_0.npy'} <= names
    window = data[2]
    assert window['imu'].shape == (2, 7, 100)
    assert window['pose'].shape == (2, 6, 20)
    # Gravity is in it, and image-normalised coordinates.
    assert 8 < window['imu'][:, 2].mean() < 12
    assert 0.2 < window['pose'].mean() < 0.7


# Its pictures


def test_lines_of_growth_go_through_powers():
    sizes = dict(sizes=[64, 128, 256], seconds=[0.5, 1.0, 2.0])
    powers = dict(seconds_exponent=1.0, memory_exponent=2.0)
    known = dict(sizes, memory_mib=[100.0, 400.0, 1600.0], **powers)
    unknown = dict(sizes, memory_mib=[None] * 3, seconds_exponent=1.0)
    batch, limbs = draw_growth(dict(batch=known, limbs=unknown)).axes
    lines = {x.get_label(): x.get_xydata() for x in batch.lines}
    np.testing.assert_allclose(
        lines['s ~ size^1.00'], [[64, 0.5], [128, 1], [256, 2]]
    )
    np.testing.assert_allclose(
        lines['MiB ~ size^2.00'], [[64, 100], [128, 400], [256, 1600]]
    )
    assert len(limbs.lines) == 2


def test_bars_of_a_step_add_up():
    rows = {
        name: dict(
            clips_per_s=32 / (3 * unit),
            parts_s=dict(heads=unit, backward=2 * unit),
        )
        for name, unit in (('reference', 0.6), ('efficient', 0.1))
    }
    axes = draw_step_parts(rows).axes[0]
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert max(ends) == pytest.approx(1.8)
    assert [text.get_text().strip() for text in axes.texts] == [
        '18 clips/s',
        '107 clips/s',
    ]
    with pytest.raises(ValueError, match='no model'):
        draw_step_parts({})


# The benchmark runs, and writes what it prints

ROOT = Path(__file__).parents[2]
TOOL = 'analysis_tools/benchmark.py'
RUNTIME = str(ROOT / 'configs/_base_/default_runtime.py')


@pytest.mark.slow
def test_quick_benchmark_writes_every_part(tmp_path, command):
    out = tmp_path / 'speed.json'
    shown = tmp_path / 'pictures'
    _, printed, _ = command(
        *(TOOL, '--quick', '--scaling', '--out', out, '--show-dir', shown)
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
    assert 'times_reference' in printed


@pytest.mark.parametrize(
    'args, error',
    [
        (['--device', 'cuda'], 'finds no GPU'),
        (['--batch-size', '0'], '--batch-size must be > 0'),
        (['--parts', '--encoders', RUNTIME], 'takes configs of MoBind'),
    ],
)
def test_mistakes_are_named(monkeypatch, command, args, error):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    status, _, err = command(TOOL, *args)
    assert status and error in err


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


def test_encoders_of_configs(tmp_path, command):
    out = tmp_path / 'encoders.json'
    configs = [
        str(ROOT / 'configs/mobind' / name)
        for name in ('encoders/utd_mhad_published.py', 'utd_mhad.py')
    ]
    args = ('--repeats', '1', '--parts', '--encoders', *configs)
    command(TOOL, '--out', out, *args)
    rows = json.loads(out.read_text('utf-8'))['encoders']
    assert list(rows) == ['reference', *configs]
    reference, published, efficient = rows.values()
    assert reference['times_reference'] == 1
    # The same encoder on the one limb that wears a sensor.
    ratio = published['gflop_per_clip'] / reference['gflop_per_clip']
    assert ratio == pytest.approx(1, abs=0.05)
    assert published['gflop_per_clip'] > 3.3 * efficient['gflop_per_clip']
