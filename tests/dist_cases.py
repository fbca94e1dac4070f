"""Training steps that are the same in any number of processes."""

from types import SimpleNamespace

import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from processes import process_group
from tiny_models import LIMBS, encoder, kept_numbers
from torch.nn.modules.batchnorm import _BatchNorm

from mobind_mm.engine import NonFiniteHook
from mobind_mm.registry import MODELS
from mobind_mm.structures import MoBindDataSample
from mobind_mm.utils.dist import gather_rows

S, D, T_IMU, T_POSE, N = 3, 16, 50, 20, 5
EVEN = {1: [48], 2: [24, 24], 3: [16, 16, 16]}
UNEVEN = {1: [41], 2: [24, 17], 3: [16, 16, 9]}
"""Clips of each process; in the last nine nobody wears a sensor."""

CASES = {
    'frozen': dict(batch_norm='frozen'),
    'synchronised': dict(batch_norm='synchronised'),
    'uneven': dict(batch_norm='synchronised', sizes=UNEVEN),
    'uneven frozen': dict(batch_norm='frozen', sizes=UNEVEN),
    'chunks': dict(batch_norm='frozen', chunk_size=7),
    'uneven chunks': dict(batch_norm='frozen', chunk_size=5, sizes=UNEVEN),
    'classifier': dict(sizes=UNEVEN),
}


def build(batch_norm='per_process', chunk_size=None):
    """Every term of the objective, without dropout."""
    neck = dict(type='LimbAttentionNeck', num_limbs=S, embed_dims=D)
    head = dict(
        type='HierarchicalContrastiveHead',
        embed_dims=D,
        multi_positive_weight=0.3,
        action_weight=0.2,
    )
    masked = dict(
        type='MaskedTokenHead',
        num_limbs=S,
        num_tokens=N,
        embed_dims=D,
        num_layers=1,
        num_heads=2,
        dropout=0.0,
    )
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='MoBind',
            imu_backbone=encoder(6, 50),
            pose_backbone=encoder(6, 20),
            imu_neck=neck,
            pose_neck=neck,
            head=head,
            masked_token_head=masked,
            batch_norm=batch_norm,
            chunk_size=chunk_size,
        )
    )
    # The same tokens whoever encodes them.
    hidden = torch.tensor([True, False, True, True, True])
    model.masked_token_head.random_mask = lambda tokens: hidden.expand(
        len(tokens), N
    )
    return model.train()


def build_classifier():
    torch.manual_seed(0)
    cfg = dict(type='MoBindClassifier', num_classes=4, limbs=LIMBS)
    cfg.update(imu_backbone=encoder(6, 50), pose_backbone=encoder(6, 20))
    model = MODELS.build({**cfg, 'dropout': 0.0, 'hidden_dims': D}).train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    return model


def batch(total):
    """Inputs with sensors, limbs and frames missing, and labels."""
    generator = torch.Generator().manual_seed(1)
    imu = torch.randn(total, S, 6, T_IMU, generator=generator)
    pose = torch.randn(total, S, 6, T_POSE, generator=generator)
    imu_mask = torch.rand(total, S, generator=generator) < 0.8
    pose_mask = torch.rand(total, S, T_POSE, generator=generator) < 0.9
    pose_mask &= torch.rand(total, S, 1, generator=generator) < 0.9
    if total == 41:
        imu_mask[32:] = False
    labels = torch.randint(-1, 4, (total,), generator=generator)
    inputs = dict(imu=imu, pose=pose, imu_mask=imu_mask, pose_mask=pose_mask)
    return inputs, labels


def run_case(name, dtype, rank=0, world=1):
    """Losses, gradients, buffers, and numbers kept by the head."""
    options = dict(CASES[name])
    sizes = options.pop('sizes', EVEN)[world]
    start = sum(sizes[:rank])
    inputs, labels = batch(sum(sizes))
    rows = slice(start, start + sizes[rank])
    inputs = {
        key: (value.to(dtype) if value.is_floating_point() else value)[rows]
        for key, value in inputs.items()
    }
    samples = [MoBindDataSample(metainfo=dict(n=n)) for n in range(rows.stop)]
    samples = samples[rows]
    for sample, label in zip(samples, labels[rows].tolist()):
        sample.action = label
    classifier = name == 'classifier'
    model = (build_classifier() if classifier else build(**options)).to(dtype)
    kept = []
    if not classifier:
        count_kept_numbers(model.head, kept)
    wrapped = model
    if world > 1:
        wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    for _ in range(2):  # DDP lays out its buckets in the first pass
        model.zero_grad()
        losses = wrapped(inputs, samples, mode='loss')
        sum(losses.values()).backward()
    return dict(
        losses={key: loss.item() for key, loss in losses.items()},
        gradients={n: p.grad.clone() for n, p in model.named_parameters()},
        buffers={n: b.clone() for n, b in model.named_buffers()},
        kept=max(kept, default=0),
    )


def count_kept_numbers(head, kept):
    """Note the size of every tensor that the head keeps for backward."""
    loss = head.loss

    def counting(feats):
        with kept_numbers(kept):
            return loss(feats)

    head.loss = counting


def skip_a_batch(rank):
    """A step with NaN in the last process only; what all processes do."""
    hook, warnings = NonFiniteHook('skip'), []
    wrapped = MMDistributedDataParallel(torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    runner = SimpleNamespace(
        model=wrapped,
        optim_wrapper=OptimWrapper(optimizer),
        logger=SimpleNamespace(warning=warnings.append),
        epoch=0,
    )
    before = [p.detach().clone() for p in wrapped.parameters()]
    x = torch.ones(1, 2)
    if rank == dist.get_world_size() - 1:
        x[0, 0] = torch.nan
    sample = MoBindDataSample(metainfo=dict(take=f'of process {rank}'))
    batch = dict(inputs=dict(x=x), data_samples=[sample])
    hook.before_train(runner)
    hook.before_train_iter(runner, 0, batch)
    loss = wrapped(x).sum()
    runner.optim_wrapper.update_params(loss)
    hook.after_train_iter(runner, 0, batch, {'loss': loss.detach()})
    same = map(torch.equal, before, wrapped.parameters())
    return all(same), warnings


def run_all(rank, world, folder):
    """Losses, gradients and buffers of every case in one of the processes."""
    init_default_scope('mobind_mm')
    with process_group(rank, world, folder):
        results = {
            (name, str(dtype)): run_case(name, dtype, rank, world)
            for name in CASES
            for dtype in (torch.float32, torch.float64)
        }
        rows = torch.arange(rank + 1.0)[:, None]
        gathered, own = gather_rows({'x': rows, 'mask': rows > 0})
        results['gathered'] = [gathered['x'], gathered['mask'], own]
        results['skipped'] = skip_a_batch(rank)
        torch.save(results, f'{folder}/{rank}')
