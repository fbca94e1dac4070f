"""Losses against slow, hand-written references."""

import math

import pytest
import torch

from mobind_mm.models import losses
from mobind_mm.models.losses import masked_mse
from mobind_mm.utils.dist import global_mean


def info_nce(*args, **kwargs):
    return losses.info_nce(*args, **kwargs).mean()


def token_info_nce(*args):
    return losses.token_info_nce(*args).mean()


def multi_positive_nce(*args):
    return sum(map(global_mean, losses.multi_positive_nce(*args))) / 2


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def nce_row(similarities, positive, scale):
    """-log softmax of one row, in plain Python."""
    total = sum(math.exp(scale * s) for s in similarities)
    return math.log(total) - scale * similarities[positive]


def slow_info_nce(a, b, scale):
    rows = [[cosine(x, y) for y in b] for x in a]
    columns = [[row[j] for row in rows] for j in range(len(b))]
    both = rows + columns
    terms = [nce_row(r, i % len(a), scale) for i, r in enumerate(both)]
    return sum(terms) / len(terms)


@pytest.mark.parametrize('scale', [1.0, 14.3, 100.0])
@pytest.mark.parametrize('size', [1, 2, 7])
def test_info_nce_equals_reference(size, scale):
    torch.manual_seed(size)
    a, b = torch.randn(2, size, 5, dtype=torch.float64)
    loss = info_nce(a, b, torch.tensor(scale))
    assert float(loss) == pytest.approx(slow_info_nce(a, b, scale), rel=1e-6)


def test_info_nce_of_indistinguishable_clips_is_log_of_their_number():
    a = torch.ones(8, 3)
    loss = info_nce(a, a, torch.tensor(10.0))
    assert float(loss) == pytest.approx(math.log(8), rel=1e-5)


def test_info_nce_rows_beyond_the_pairs_are_negatives_only():
    torch.manual_seed(3)
    a, b = torch.randn(2, 6, 4, dtype=torch.float64)
    a = a[:5]
    loss = info_nce(a, b, torch.tensor(3.0), num_pairs=4)
    forth = [nce_row([cosine(a[i], y) for y in b], i, 3.0) for i in range(4)]
    back = [nce_row([cosine(x, b[i]) for x in a], i, 3.0) for i in range(4)]
    expected = (sum(forth) + sum(back)) / 8
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_own_pairs_are_a_part_of_all_pairs():
    torch.manual_seed(5)
    a, b = torch.randn(2, 6, 4, dtype=torch.float64)
    args = (a, b[:5], torch.tensor(3.0), 4)
    own = torch.tensor([False, True, False, True])
    whole = losses.info_nce(*args)
    torch.testing.assert_close(losses.info_nce(*args, own=own), whole[own])

    mask = torch.tensor([[1, 1], [0, 0], [1, 0]]).bool()
    local, clip = a.view(3, 2, 4), b[:3]
    args = (local, clip, torch.tensor(3.0), mask)
    own = torch.tensor([False, True, True])
    clips, sensors = losses.multi_positive_nce(*args)
    part = losses.multi_positive_nce(*args, own)
    # Clip 1 has no sensor; the first two sensors are clip 0's.
    torch.testing.assert_close(part, (clips[1:], sensors[2:]))


def test_token_negatives_are_tokens_of_the_same_sample_only():
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    loss = token_info_nce(a, b, torch.tensor(7.0))
    each = [slow_info_nce(x, y, 7.0) for x, y in zip(a, b)]
    assert float(loss) == pytest.approx(sum(each) / 3, rel=1e-6)
    # Another sample in the batch must not change a sample's gradient.
    gradients = []
    for other in (b[1], 100 * torch.randn_like(b[1])):
        x = a.clone().requires_grad_()
        stacked = torch.stack([b[0], other, b[2]])
        token_info_nce(x, stacked, torch.tensor(7.0)).backward()
        gradients.append(x.grad[0])
    torch.testing.assert_close(*gradients)


def test_token_mask_equals_leaving_the_tokens_out():
    torch.manual_seed(1)
    a, b = torch.randn(2, 2, 6, 4, dtype=torch.float64)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[0, 3:] = False
    mask[1] = False
    loss = token_info_nce(a, b, torch.tensor(5.0), mask)
    expected = slow_info_nce(a[0, :3], b[0, :3], 5.0)
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_rows_of_one_label_equal_reference():
    torch.manual_seed(3)
    rows = torch.randn(6, 4, dtype=torch.float64)
    labels = torch.tensor([7, 2, 7, 5, 2, 7])
    expected = {}
    for i in (0, 1, 2, 4, 5):  # nobody else has the label 5
        others = [j for j in range(6) if j != i]
        z = [cosine(rows[i], rows[j]) for j in others]
        same = [k for k, j in enumerate(others) if labels[j] == labels[i]]
        terms = [nce_row(z, k, 1 / 0.2) for k in same]
        expected[i] = sum(terms) / len(terms)
    found = losses.label_nce(rows, labels, 0.2)
    assert found.tolist() == pytest.approx([*expected.values()], rel=1e-6)
    own = torch.tensor([True, False, False, True, True, False])
    part = losses.label_nce(rows, labels, 0.2, own)
    assert part.tolist() == pytest.approx([expected[0], expected[4]], rel=1e-6)


def slow_lag_nce(a, b, mask, shift):
    """Loss of one sample, by loops over its lags."""
    size = len(a)
    pairs = [(i, j) for i in range(size) for j in range(size) if mask[j]]
    cosines = {(i, j): cosine(a[i], b[j]) for i, j in pairs}
    values = torch.tensor([*cosines.values()])
    mean, std = values.mean(), values.std(correction=0)
    scores = {}
    for lag in range(1 - size, size):
        z = [(c - mean) / std for (i, j), c in cosines.items() if j - i == lag]
        if len(z) >= 3:
            scores[lag] = max(float(sum(z)), 0) ** 2 / (4 * len(z))
    lags = [*scores]
    return nce_row([*scores.values()], lags.index(shift), 1.0)


@pytest.mark.parametrize('shift', [0, 2, -3])
def test_lags_equal_reference(shift):
    torch.manual_seed(shift + 5)
    a, b = torch.randn(2, 1, 7, 4, dtype=torch.float64)
    mask = torch.ones(1, 7, dtype=torch.bool)
    mask[0, 3 if shift else 6] = False
    lags = torch.tensor([shift])
    loss = losses.lag_nce(a, b, mask, lags)
    expected = slow_lag_nce(a[0], b[0], mask[0], shift)
    assert loss.tolist() == pytest.approx([expected], rel=1e-4)


def test_a_moved_row_is_found_at_its_lag_and_no_other():
    torch.manual_seed(2)
    stream = torch.randn(1, 30, 16)
    a, b = stream[:, 4:24], stream[:, 9:29]  # token n is token n - 5 of b
    assert losses.lag_nce(a, b, None, torch.tensor([-5])).item() < 1e-3
    assert losses.lag_nce(a, b, None, torch.tensor([5])).item() > 10
    # A lag with fewer than three pairs has no loss.
    assert not len(losses.lag_nce(a, b, None, torch.tensor([18])))


@pytest.mark.parametrize('missing', [(), ((0, 1), (2, 0))])
def test_multi_positive_equals_reference(missing):
    torch.manual_seed(2)
    local = torch.randn(3, 2, 5, dtype=torch.float64)
    clip = torch.randn(3, 5, dtype=torch.float64)
    mask = torch.ones(3, 2, dtype=torch.bool)
    for index in missing:
        mask[index] = False
    scale = 4.0
    sensors = [(b, s) for b in range(3) for s in range(2) if mask[b, s]]
    forth = []
    for b in range(3):
        e = {k: math.exp(scale * cosine(clip[b], local[k])) for k in sensors}
        own = [v for k, v in e.items() if k[0] == b]
        term = math.log(sum(own)) - math.log(len(own))
        forth.append(-(term - math.log(sum(e.values()))))
    back = [
        nce_row([cosine(local[k], c) for c in clip], k[0], scale)
        for k in sensors
    ]
    expected = (sum(forth) / 3 + sum(back) / len(back)) / 2
    loss = multi_positive_nce(local, clip, torch.tensor(scale), mask)
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_masked_mse_counts_masked_tokens_only():
    target = torch.zeros(1, 4, 2)
    prediction = torch.tensor([[[1.0, 1], [2, 2], [9, 9], [9, 9]]])
    mask = torch.tensor([[True, True, False, False]])
    assert masked_mse(prediction, target, mask).tolist() == [1.0, 4.0]


@pytest.mark.parametrize('empty', ['info', 'token', 'multi', 'mse'])
def test_nothing_to_compare_is_zero_with_a_gradient_path(empty):
    x = torch.randn(2, 3, 4, requires_grad=True)
    none = torch.zeros(2, 3, dtype=torch.bool)
    scale = torch.tensor(2.0)
    loss = {
        'info': lambda: losses.info_nce(x[none], x[none], scale),
        'token': lambda: losses.token_info_nce(x, x, scale, none),
        'multi': lambda: torch.cat(
            losses.multi_positive_nce(x, x[:, 0], scale, none)
        ),
        'mse': lambda: masked_mse(x, x, none),
    }[empty]()
    loss = global_mean(loss)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.all(x.grad == 0)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_token_loss_in_half_precision(dtype):
    torch.manual_seed(4)
    a, b = torch.randn(2, 2, 6, 4)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[0, 3:] = mask[1] = False
    scale = torch.tensor(5.0)
    full = token_info_nce(a, b, scale, mask)
    with torch.autocast('cpu', dtype):
        half = token_info_nce(a, b, scale, mask)
    assert float(half) == pytest.approx(float(full), rel=0.03)
