"""What is measured, and on what."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Settings:
    """Sizes of the benchmark.

    Args:
        device: ``cpu`` or ``cuda``.
        batch_size: Clips B of a training step and of inference.
        num_limbs: Limbs S.
        window_sec: Seconds of a window.
        repeats: Runs of which the median is taken.
        workers: Numbers of loader processes to try.
        windows: Windows of the data set that loading reads.
        minutes: Length of the recording to synchronise.
        reference_windows: Sub-windows that the reference encodes before its
            time is scaled to all of them.
        items: Gallery of retrieval.
        compiled: Whether to measure ``torch.compile``, which first compiles
            for a minute or two.
        batch_sizes, limbs, windows_sec, sync_minutes: Sizes for scaling.
    """

    device: str = 'cpu'
    batch_size: int = 32
    num_limbs: int = 4
    window_sec: float = 5.0
    repeats: int = 5
    workers: tuple[int, ...] = (0, 2)
    windows: int = 2048
    minutes: float = 10.0
    reference_windows: int = 64
    items: int = 100_000
    compiled: bool = False
    batch_sizes: tuple[int, ...] = (64, 128, 256, 512, 1024)
    limbs: tuple[int, ...] = (1, 2, 4, 8, 13)
    windows_sec: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0)
    sync_minutes: tuple[float, ...] = (1.0, 5.0, 20.0, 60.0, 120.0)


def machine(device: str) -> dict:
    """What the numbers were measured on."""
    name = platform.processor() or platform.machine()
    if device == 'cuda':
        name = torch.cuda.get_device_name()
    return dict(
        device=device,
        name=name,
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0],
        torch=torch.__version__,
        python=platform.python_version(),
    )
