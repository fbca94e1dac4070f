"""The ``sync.json`` that an export starts from."""

# No postponed annotations: pydantic reads them, and Python 3.9 has no X | Y.
import json
from pathlib import Path
from typing import Annotated, Any, Union

import pydantic

from ...utils.errors import mistake
from ...utils.files import read_text
from ..sync_reasons import WHY

_Number = Annotated[float, pydantic.Field(gt=-1e15, lt=1e15)]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, allow_inf_nan=False)


class _Line(_Part):
    video_s: Annotated[list[_Number], pydantic.Field(min_length=2)]
    offset_s: list[_Number]

    @pydantic.model_validator(mode='after')
    def _increases(self) -> '_Line':
        times = self.video_s
        if len(times) != len(self.offset_s) or any(
            after <= before for before, after in zip(times, times[1:])
        ):
            raise ValueError('times increase, and each has an offset')
        return self


class _Jump(_Part):
    video_s: _Number
    seconds: _Number


class _Clock(_Part):
    offset_s: _Number
    drift_ppm: _Number
    abstained: bool
    clock: _Line
    jumps: list[_Jump] = []
    unknown: list[tuple[_Number, _Number]] = []


class _Answer(_Clock):
    reason: str = ''
    sensor_clocks: dict[str, _Clock] = {}
    notes: list[str] = []

    @pydantic.model_validator(mode='after')
    def _says_why(self) -> '_Answer':
        if self.reason not in (WHY if self.abstained else ('', *WHY)):
            raise ValueError('a refusal has a known reason')
        return self


def read_answer(path: Union[str, Path]) -> dict[str, Any]:
    """The content of ``sync.json``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no {path}; mobind sync writes sync.json.'
        )
    text = read_text(path)
    try:
        _Answer.model_validate_json(text)
        answer = json.loads(text)
    except ValueError:
        raise mistake(
            path,
            'is not what mobind sync writes as sync.json',
            'Run mobind sync again',
        ) from None
    return {'reason': '', **answer}
