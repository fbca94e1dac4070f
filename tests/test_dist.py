"""N processes equal one: loss and gradients through the gather."""

import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from mobind_mm.models import HierarchicalContrastiveHead
from mobind_mm.utils.dist import gather_with_grad

SIZES = (3, 5, 1)
D, S, N = 6, 2, 3


def batch():
    generator = torch.Generator().manual_seed(0)
    total = sum(SIZES)
    imu, pose = torch.randn(
        2, total, S, D, generator=generator, dtype=torch.float64
    )
    mask = torch.rand(total, S, generator=generator) < 0.7
    return imu, pose, mask


def loss_of(encoder, head, imu, pose, mask):
    local_imu, local_pose = encoder(imu) * mask[..., None], encoder(pose)
    ramp = torch.arange(1, N + 1)[:, None]
    feats = {
        'imu_tokens': (local_imu[:, :, None] * ramp).sin(),
        'pose_tokens': (local_pose[:, :, None] * ramp).cos(),
        # Fewer tokens of the second clip on.
        'pose_token_mask': (imu[:, :, :1] < 0.5).expand(-1, -1, N),
        'imu_local': local_imu,
        'pose_local': local_pose,
        'imu': local_imu.sum(1),
        'pose': local_pose.sum(1),
        'imu_mask': mask,
        'pose_mask': torch.ones_like(mask),
    }
    return sum(head.loss(feats).values())


def build():
    torch.manual_seed(1)
    head = HierarchicalContrastiveHead(
        D, token_weight=0.7, multi_positive_weight=0.5
    )
    return nn.Linear(D, D).double(), head.double()


def run(rank, world, port, queue):
    torch.set_num_threads(1)
    address = f'tcp://127.0.0.1:{port}'
    dist.init_process_group(
        'gloo', init_method=address, rank=rank, world_size=world
    )
    encoder, head = build()
    start = sum(SIZES[:rank])
    rows = slice(start, start + SIZES[rank])
    loss = loss_of(encoder, head, *(x[rows] for x in batch()))
    loss.backward()
    gradients = []
    for parameter in [*encoder.parameters(), *head.parameters()]:
        dist.all_reduce(parameter.grad)  # what DDP does: the mean
        gradients.append((parameter.grad / world).tolist())
    loss = loss.detach().clone()
    dist.all_reduce(loss)
    gathered = gather_with_grad(torch.arange(rank + 1) > 0)
    if rank == 0:
        queue.put((loss.item() / world, gradients, gathered.tolist()))
    dist.barrier()
    dist.destroy_process_group()


def test_three_uneven_processes_equal_one():
    encoder, head = build()
    loss = loss_of(encoder, head, *batch())
    loss.backward()
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    context = mp.get_context('spawn')
    queue = context.SimpleQueue()
    mp.spawn(run, (len(SIZES), port, queue), nprocs=len(SIZES))
    value, gradients, gathered = queue.get()
    assert value == pytest.approx(loss.item(), rel=1e-12)
    parameters = [*encoder.parameters(), *head.parameters()]
    for parameter, gradient in zip(parameters, gradients):
        torch.testing.assert_close(
            parameter.grad, torch.tensor(gradient, dtype=torch.float64)
        )
    assert gathered == [False, False, True, False, True, True]
