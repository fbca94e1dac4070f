"""Moved to :mod:`.mmpose` and :mod:`.people`; the signatures of before."""

from typing import Any

from .mmpose import read_mmpose_people, read_mmpose_person  # noqa: F401
from .people import Video
from .people import all_people as _all
from .people import one_person as _one


def one_person(  # noqa: D103
    found: Any,
    name: Any,
    rate: Any,
    img_shape: Any,
    person: Any = 'longest',
    start: float = 0.0,
    max_gap_sec: float = 1.0,
) -> Any:
    video = Video(rate, img_shape, None, start, max_gap_sec)
    return _one(found, name, video, person)


def all_people(  # noqa: D103
    found: Any,
    name: Any,
    rate: Any,
    img_shape: Any,
    min_sec: float = 1.0,
    start: float = 0.0,
    max_gap_sec: float = 1.0,
) -> Any:
    video = Video(rate, img_shape, None, start, max_gap_sec)
    return _all(found, name, video, min_sec)
