"""The public data sets that have a converter: names, classes, sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PublicDataSet:
    """What is known of a public data set without reading it.

    Args:
        metainfo: ``dataset_name``, and ``classes`` in the order of their
            indices where they are the same for every copy.
        source: Where to get it.
        converter: Command that converts it.
    """

    metainfo: Mapping[str, Any]
    source: str
    converter: str


UTD_MHAD = PublicDataSet(
    {
        'dataset_name': 'utd_mhad',
        'classes': (
            'swipe_left', 'swipe_right', 'wave', 'clap', 'throw',
            'arm_cross', 'basketball_shoot', 'draw_x',
            'draw_circle_clockwise', 'draw_circle_counter_clockwise',
            'draw_triangle', 'bowling', 'boxing', 'baseball_swing',
            'tennis_swing', 'arm_curl', 'tennis_serve', 'push', 'knock',
            'catch', 'pickup_and_throw', 'jog', 'walk', 'sit_to_stand',
            'stand_to_sit', 'lunge', 'squat',
        ),
    },
    'Inertial.zip and Skeleton.zip from '
    'https://personal.utdallas.edu/~kehtar/UTD-MHAD.html',
    'mobind convert utd_mhad',
)  # fmt: skip
TOTAL_CAPTURE = PublicDataSet(
    {
        'dataset_name': 'totalcapture',
        'classes': ('acting', 'freestyle', 'rom', 'walking'),
    },
    'https://cvssp.org/data/totalcapture/, on request, for research',
    'mobind convert totalcapture',
)
MRI = PublicDataSet(
    {
        'dataset_name': 'mri',
        'classes': (
            't_pose',
            *(f'pose_{number}' for number in range(1, 11)),
            'free_form',
            'walk',
        ),
    },
    'https://sizhean.github.io/mri, on request, for research',
    'mobind convert mri',
)
EGO_HUMANS = PublicDataSet(
    {'dataset_name': 'egohumans'},
    'https://github.com/rawalkhirodkar/egohumans, and your own copy of '
    'the SMPL body model',
    'mobind convert egohumans',
)
