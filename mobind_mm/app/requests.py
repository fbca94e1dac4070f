"""What a page asks for, checked once before any work."""

# No postponed annotations: pydantic reads them, and Python 3.9 has no X | Y.
from typing import Annotated, Any, Callable, Optional, Union

import pydantic


def _inside(name: str, about: pydantic.ValidationInfo) -> Optional[str]:
    """The name of an upload as its page's folder has it; None of none."""
    inside: Any = about.context
    return inside(name) if name else None


_Name = Annotated[str, pydantic.AfterValidator(_inside)]
_File = Annotated[
    str, pydantic.Field(min_length=1), pydantic.AfterValidator(_inside)
]
_Seconds = Annotated[float, pydantic.Field(gt=-1e15, lt=1e15)]
_Rate = Annotated[float, pydantic.Field(ge=0.01, le=100_000)]
_Pixels = Annotated[int, pydantic.Field(ge=1, le=100_000)]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        extra='forbid', strict=True, allow_inf_nan=False
    )


class _Sensors(_Part):
    name: _File
    mapping: Optional[_Name] = None
    placement: Union[str, dict[str, str], None] = None


class _Pose(_Part):
    name: Optional[_Name] = None
    mapping: Optional[_Name] = None
    times: Optional[_Name] = None
    rate: Optional[_Rate] = None
    img_shape: Optional[tuple[_Pixels, _Pixels]] = None


class _Sync(_Part):
    sensors: list[_Sensors]
    pose: Optional[_Pose] = None
    video: Optional[_Name] = None
    around: Optional[_Seconds] = None
    max_offset: Optional[_Seconds] = None


class _Inspect(_Part):
    name: _File
    mapping: Optional[_Name] = None


class _Export(_Part):
    names: list[str]
    request: _Sync
    moved_by: _Seconds = 0.0
    accepted: bool = False
    start: Optional[_Seconds] = None
    end: Optional[_Seconds] = None


WORK: dict[str, type[_Part]] = {
    'inspect': _Inspect,
    'sync': _Sync,
    'export': _Export,
}
"""What can be asked for."""


def read_request(
    what: str, body: bytes, inside: Callable[[str], str]
) -> dict[str, Any]:
    """The JSON of a request for some of :data:`WORK`.

    ``inside`` makes a path below the page's folder of the name of a file, or
    raises ValueError.

    Raises:
        ValueError: Naming what is wrong in it.
    """
    try:
        asked = WORK[what].model_validate_json(body, context=inside)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = '.'.join(map(str, first['loc'])) or 'the request'
        raise ValueError(f'{place}: {first["msg"][:200]}') from None
    return asked.model_dump(exclude_none=True)
