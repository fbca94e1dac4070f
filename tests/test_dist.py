"""N processes equal one: loss, every gradient, batch statistics."""

import pytest
import torch
from dist_cases import CASES, run_all, run_case
from mmengine.registry import init_default_scope
from processes import spread

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11}


@pytest.fixture(
    scope='module', params=[2, pytest.param(3, marks=pytest.mark.slow)]
)
def processes(request, tmp_path_factory):
    """World size and the results of every process."""
    world = request.param
    folder = tmp_path_factory.mktemp('dist')
    spread(run_all, (world, str(folder)), world)
    files = [folder / str(rank) for rank in range(world)]
    return world, [torch.load(file, weights_only=True) for file in files]


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('name', CASES)
def test_processes_equal_one(processes, name, dtype):
    _, results = processes
    init_default_scope('mobind_mm')
    one = run_case(name, dtype)
    tolerance = TOLERANCE[dtype]
    length = sum(g.norm() ** 2 for g in one['gradients'].values()) ** 0.5
    for result in results:
        result = result[name, str(dtype)]
        for key, loss in one['losses'].items():
            assert result['losses'][key] == pytest.approx(loss, rel=tolerance)
        for key, gradient in one['gradients'].items():
            error = (result['gradients'][key] - gradient).norm()
            # A bias before a batch norm has no influence: no relative error.
            idle = 'convs' in key and gradient.norm() < 1e-5 * length
            reference = length if idle else gradient.norm()
            assert reference > 0, key
            assert error <= tolerance * reference, key
        for key, buffer in one['buffers'].items():
            torch.testing.assert_close(result['buffers'][key], buffer)


def test_chunks_equal_the_whole_batch():
    """Cached gradients in one process; above, in several."""
    init_default_scope('mobind_mm')
    for dtype, tolerance in TOLERANCE.items():
        whole = run_case('frozen', dtype)
        parts = run_case('chunks', dtype)
        for key, loss in whole['losses'].items():
            assert parts['losses'][key] == pytest.approx(loss, rel=tolerance)
        for key, gradient in whole['gradients'].items():
            error = (parts['gradients'][key] - gradient).norm()
            assert error <= tolerance * gradient.norm(), key


def test_memory_of_the_losses_is_shared(processes):
    """The largest matrix has the rows of one process only."""
    world, results = processes
    init_default_scope('mobind_mm')
    one = run_case('frozen', torch.float32)['kept']
    kept = [r['frozen', str(torch.float32)]['kept'] for r in results]
    # Every process has about as many pairs.
    assert all(one / world / 1.2 < n < one / world * 1.2 for n in kept)


def test_gathered_rows(processes):
    world, results = processes
    expected = [float(i) for rank in range(world) for i in range(rank + 1)]
    for rank, result in enumerate(results):
        rows, mask, own = result['gathered']
        assert rows[:, 0].tolist() == expected
        assert mask.dtype == torch.bool
        assert mask[:, 0].tolist() == [x > 0 for x in expected]
        start = rank * (rank + 1) // 2
        assert own.nonzero()[:, 0].tolist() == [
            *range(start, start + rank + 1)
        ]


def test_processes_agree_to_skip_a_batch(processes):
    world, results = processes
    for result in results:
        unchanged, (warning,) = result['skipped']
        assert unchanged
        assert f'not finite: take of process {world - 1} at 0 s' in warning
