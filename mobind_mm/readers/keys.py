"""Mappings that users write: pydantic checks them, in our words.

Every key is optional, and null removes a key: mappings are checked as they
are written, then merged, and what is required is checked on the result.
"""

# No postponed annotations: pydantic reads them, and Python 3.9 has no X | Y.
import codecs
import datetime
import numbers
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Callable,
    Literal,
    Optional,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import pydantic
import yaml
from pydantic_core import ErrorDetails, PydanticCustomError

from ..skeleton import LIMBS, placement_name
from ..utils.errors import below, mistake, show
from .base import FileReader, readers
from .dates import EPOCHS, parse_date, parse_zone

_MAX_BYTES = 1_000_000
"""Of a mapping: they take some seconds to read."""
_MAX_KEYS = 10_000
_MAX_VALUES = 2_000_000
"""Of a mapping with its aliases written out; one of a large study has 20,000.
"""
_COUNT = ('is not a whole number from 0', '')
_WORDING = {
    'string_type': ('is not text', 'Put it in quotes'),
    'list_type': ('must be a list with an entry', ''),
    'dict_type': ('must be a mapping with an entry', ''),
    'int_type': _COUNT,
    'greater_than_equal': _COUNT,
    'less_than': _COUNT,
    'greater_than': ('must be greater than 0', ''),
    'literal_error': ('is not known', 'Choose from {known}'),
}
"""What pydantic's kinds of errors are called here, and the fix."""

M = TypeVar('M', bound='Keys')


def _wrong(what: str, fix: str = '', **facts: Any) -> PydanticCustomError:
    """An error in the terms of :func:`~mobind_mm.utils.errors.mistake`."""
    facts.update(what=what, fix=fix)
    return PydanticCustomError('wrong', 'wrong', facts)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _word(value: Any) -> Any:
    """A whole number is taken as text, as it is written."""
    value = str(value) if _is_whole(value) else value
    if isinstance(value, str) and not value.strip():
        raise _wrong('is empty', 'Give it a text')
    return value


def _as_number(value: Any) -> float:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not abs(value) < 1e18:
        raise _wrong('is not a number')
    return float(value)


def _as_moment(value: Any) -> float:
    """Seconds; of a date, those since 1970."""
    if isinstance(value, datetime.datetime):
        value = value.isoformat()
    if not isinstance(value, str):
        return _as_number(value)
    seconds = parse_date(value)
    if seconds is None:
        raise _wrong(
            'is neither a number of seconds nor a date such as '
            "'2024-05-01T10:00:00.000Z'"
        )
    return seconds


def _list_of(
    length: Union[int, tuple[int, ...]], what: str
) -> pydantic.BeforeValidator:
    lengths = length if isinstance(length, tuple) else (length,)

    def check(value: Any) -> Any:
        if not isinstance(value, list) or len(value) not in lengths:
            raise _wrong(f'must be {what}')
        return value

    return pydantic.BeforeValidator(check)


def _different(names: list[str]) -> list[str]:
    if len({name.lstrip('-') for name in names}) < len(names):
        raise _wrong('names a column twice')
    return names


def _positive(sides: list[int]) -> list[int]:
    if min(sides) < 1:
        raise _wrong('must be greater than 0')
    return sides


def _template(value: str) -> str:
    if re.findall(r'\{(\w*)\}', value) != ['keypoint']:
        raise _wrong("must hold {keypoint} once, such as '{keypoint}_x'")
    return value


def _one_of(value: Any, known: Iterable[str], what: str) -> str:
    known = list(dict.fromkeys(known))
    if isinstance(value, str) and value in known:
        return value
    fix = f'Choose from {", ".join(known)}'
    raise _wrong(what, fix, name=value, known=known)


def _placement(value: Any) -> str:
    value = placement_name(value) if isinstance(value, str) else value
    return _one_of(value, sorted(LIMBS), 'is not a placement of a sensor')


_SCALES = (1e-15, 1e15)
"""Factors of units, exclusive: others make every value 0 or infinite."""
_SCALED = re.compile(r'(\d+\.?\d*|\.\d+)(?:/(\d+\.?\d*|\.\d+))? *(\S+)')


def unit_factor(unit: Union[str, float], units: Mapping[str, float]) -> float:
    """What a unit is in ours: one of ``units``, a number, or ``1/64 g``.

    Raises:
        KeyError: If it is not a unit.

    >>> unit_factor('g', {'g': 9.8}), unit_factor('1/2 g', {'g': 9.8})
    (9.8, 4.9)
    """
    if not isinstance(unit, str):
        return float(unit)
    if unit in units:
        return units[unit]
    match = _SCALED.fullmatch(unit.strip())
    if not match or not float(match[2] or 1):
        raise KeyError(unit)
    scale = float(match[1]) / float(match[2] or 1)
    if not _SCALES[0] < scale < _SCALES[1]:
        raise KeyError(unit)
    return scale * units[match[3]]


def unit_of(units: Mapping[str, float]) -> pydantic.BeforeValidator:
    """A unit, as :func:`unit_factor` takes it."""

    def check(value: Any) -> Union[str, float]:
        if isinstance(value, str):
            try:
                unit_factor(value, units)
            except KeyError:
                return _one_of(value, units, 'is not known')
            return value
        factor = _as_number(value)
        if not factor > 0:
            raise _wrong('must be greater than 0')
        if not _SCALES[0] < factor < _SCALES[1]:
            raise _wrong('is the factor of no unit')
        return factor

    return pydantic.BeforeValidator(check)


def _encoding(value: str) -> str:
    """The name of an encoding of text that Python knows."""
    try:
        ''.encode(value)
        b''.decode(value)
        return codecs.lookup(value).name
    except (LookupError, ValueError, TypeError):
        fix = 'Give utf-8, utf-16 or cp1252, for example'
        raise _wrong('is not the name of an encoding', fix) from None


def _zone(value: str) -> str:
    """A time zone, as :func:`.dates.parse_zone` takes it."""
    try:
        parse_zone(value)
    except ValueError as error:
        raise _wrong(str(error)) from None
    return value


def _epoch(value: Any) -> float:
    """Seconds since 1970 of a year or a date."""
    if str(value) in EPOCHS:
        return EPOCHS[str(value)]
    if isinstance(value, float):
        return _as_number(value)
    if isinstance(value, datetime.date):
        value = value.isoformat()
    if isinstance(value, str):
        text = value if len(value) > 10 else f'{value}T00:00'
        seconds = parse_date(text)
        if seconds is not None:
            return seconds
    raise _wrong("is neither 1970, 2000, 2001 nor a date such as '2001-01-01'")


def format_of(*built_in: str) -> pydantic.BeforeValidator:
    """A format of the package, or one whose file reader is registered."""

    def check(value: Any) -> str:
        files = [n for n, c in readers().items() if issubclass(c, FileReader)]
        return _one_of(value, [*built_in, *files], 'is not known')

    return pydantic.BeforeValidator(check)


KEYS, OTHER = pydantic.Tag('<keys>'), pydantic.Tag('<other>')
KEYS_OR_OTHER = pydantic.Discriminator(
    lambda value: '<keys>' if isinstance(value, Mapping) else '<other>'
)
"""How the members of a union are told apart."""
_COUNT_OR_OTHER = pydantic.Discriminator(
    lambda value: '<count>' if _is_whole(value) else '<other>'
)
SEVERAL = pydantic.Field(min_length=1)
_MOMENT = pydantic.WithJsonSchema({'type': ['number', 'string']})
_SIZE = _list_of(2, '[height, width] in pixels')

Word = Annotated[str, pydantic.BeforeValidator(_word)]
Limb = Annotated[str, pydantic.BeforeValidator(_placement)]
_Number = Annotated[float, pydantic.BeforeValidator(_as_number)]
_Whole = Annotated[int, pydantic.Field(ge=0, lt=10**9)]
_Names = Annotated[list[Word], pydantic.AfterValidator(_different)]
_Longest = Annotated[Literal['longest', 'largest'], OTHER]
_Index = Annotated[_Whole, pydantic.Tag('<count>')]

Text = Optional[Word]
Texts = Optional[Annotated[list[Word], SEVERAL]]
Names = Optional[Annotated[dict[Word, Word], SEVERAL]]
Template = Optional[Annotated[Word, pydantic.AfterValidator(_template)]]
Count = Optional[_Whole]
Number = Optional[_Number]
Positive = Optional[Annotated[_Number, pydantic.Field(gt=0)]]
Moment = Optional[
    Annotated[float, pydantic.BeforeValidator(_as_moment), _MOMENT]
]
Encoding = Optional[Annotated[str, pydantic.AfterValidator(_encoding)]]
Zone = Optional[Annotated[str, pydantic.AfterValidator(_zone)]]
Epoch = Optional[Annotated[float, pydantic.BeforeValidator(_epoch)]]
Three = Optional[Annotated[_Names, _list_of(3, 'a list of 3 columns')]]
Nine = Optional[Annotated[_Names, _list_of(9, 'a list of 9 columns')]]
Orientation = Optional[
    Annotated[_Names, _list_of((3, 4), 'a list of 3 or 4 columns')]
]
Size = Optional[
    Annotated[list[_Whole], _SIZE, pydantic.AfterValidator(_positive)]
]
Person = Optional[Annotated[Union[_Longest, _Index], _COUNT_OR_OTHER]]


def key(description: str = '', example: str = '') -> Any:
    """A key that may be absent; the example is for who forgets it."""
    return pydantic.Field(
        None,
        description=description or None,
        examples=[example] if example else None,
    )


class Keys(pydantic.BaseModel):
    """A mapping with known keys, none of which is required."""

    model_config = pydantic.ConfigDict(
        extra='forbid', frozen=True, strict=True, defer_build=True
    )
    _order: tuple = pydantic.PrivateAttr(())

    @pydantic.model_validator(mode='wrap')
    @classmethod
    def _check_keys(cls, value: Any, handler: Callable) -> Any:
        known = [*cls.model_fields]
        if not isinstance(value, Mapping):
            raise _wrong(f'must be a mapping of {", ".join(known)}')
        for name in value:
            if name not in known:
                facts = {'name': name, 'known': known}
                raise PydanticCustomError('unknown_key', 'wrong', facts)
        model = handler(dict(value))
        model._order = tuple(value)
        return model

    def plain(self) -> dict[str, Any]:
        """The keys in the order they were given, values in final types."""
        return {name: _plain(getattr(self, name)) for name in self._order}

    def require(self, names: Iterable[str], where: str) -> None:
        """Check that keys are there.

        A key below another is written as ``'units.acc'``.

        Raises:
            ValueError: Naming the first key that is missing.
        """
        for name in names:
            if not self.has(name):
                fix = f'Add {name}: {self._example(name)}'
                raise mistake(where, f'{name} is missing', fix)

    def has(self, name: str) -> bool:
        """Whether a key, such as ``units.acc``, has a value."""
        value: Any = self
        for part in name.split('.'):
            value = getattr(value, part, None)
        return value is not None

    @classmethod
    def _example(cls, name: str) -> str:
        """What could stand under a key, such as ``'units.acc'``."""
        first, *rest = name.split('.', 1)
        field = cls.model_fields[first]
        for kind in get_args(field.annotation):
            if rest and isinstance(kind, type) and issubclass(kind, Keys):
                return kind._example(rest[0])
            if get_origin(kind) is Literal and not field.examples:
                return ' or '.join(get_args(kind))
        return (field.examples or ['...'])[0]


def _plain(value: Any) -> Any:
    if isinstance(value, Keys):
        return value.plain()
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return [*map(_plain, value)] if isinstance(value, list) else value


def check_keys(model: type[M], content: Any, where: str) -> M:
    """Check the values of a mapping.

    ``where`` is the file and key of it, such as ``study.yml:``.

    Raises:
        ValueError: Naming file, key path, value, allowed values and the
            nearest name.

    >>> class Sensor(Keys):
    ...     unit: Optional[Literal['m/s2', 'g']] = None
    >>> check_keys(Sensor, {'unit': 'G'}, 'a.yml: acc')
    Traceback (most recent call last):
    ...
    ValueError: a.yml: acc.unit: 'G' is not known. Choose from m/s2, g.
    """
    try:
        return model.model_validate(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
    raise _explained(first, where)


def _explained(error: ErrorDetails, where: str) -> Exception:
    """An error of pydantic in our words."""
    value, kind, facts = error['input'], error['type'], error.get('ctx', {})
    for part in error['loc']:
        if isinstance(part, int):
            where = f'{where}[{part}]'
        elif part == '[key]':
            where = where.rpartition('.')[0]
        elif not re.fullmatch(r'<\w+>', part):
            where = below(where, part)
    known = facts.get('known', ())
    if kind == 'unknown_key':
        name, where = facts['name'], where.rstrip(':')
        what, fix = f'unknown key {show(name)}', f'Known: {", ".join(known)}'
        return mistake(where, what, fix, name=name, known=known)
    if kind == 'literal_error':
        known = re.findall(r"'((?:\\t|[^'])+)'", facts['expected'])
    if kind.startswith('too_'):  # short or long
        kind = 'list_type' if isinstance(value, list) else 'dict_type'
    what, fix = _WORDING.get(kind, (error['msg'], ''))
    what = facts.get('what', what)
    fix = facts.get('fix', fix.format(known=', '.join(known)))
    name = value if known else None
    return mistake(where, what, fix, value=value, name=name, known=known)


def merged(base: Mapping, over: Mapping) -> dict[str, Any]:
    """Mapping whose values in ``over`` win; there, None removes a key.

    >>> merged({'a': {'b': 1, 'c': 2}}, {'a': {'b': None}, 'd': 3})
    {'a': {'c': 2}, 'd': 3}
    """
    result = dict(base)
    for name, value in over.items():
        if isinstance(value, Mapping):
            before = result.get(name)
            before = before if isinstance(before, Mapping) else {}
            value = merged(before, value)
        result[name] = value
    return {name: value for name, value in result.items() if value is not None}


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that is there twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        """Check the keys, then construct."""
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for name, _ in node.value:
                key = (name.tag, str(name.value)[:200])
                if key in seen and not name.tag.endswith(':merge'):
                    line = name.start_mark.line + 1
                    raise ValueError(
                        f'key {key[1]!r} is there twice, line {line}'
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: Any) -> None:
        """Merge ``<<``; nested merges can double the keys each time."""
        super().flatten_mapping(node)
        if len(node.value) > _MAX_KEYS:
            raise ValueError(f'more than {_MAX_KEYS} keys in one mapping')


def read_yaml(path: Union[str, Path]) -> dict[str, Any]:
    """Read a mapping; nothing in it can execute code.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: Naming file, line and mistake.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; give a YAML file.')
    if path.stat().st_size > _MAX_BYTES:
        what = f'is larger than {_MAX_BYTES} bytes'
        raise mistake(path, what, 'Name files by patterns, or split it')
    try:
        content = yaml.load(
            path.read_text(encoding='utf-8-sig'), Loader=_Loader
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f', line {mark.line + 1}' if mark else ''
        raise ValueError(
            f'{path}{line}: not YAML ({error.problem}). Check indentation, '
            'colons and quotes there.'
        ) from None
    except Exception as error:  # values that the loader cannot make
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f'{path}: not YAML ({reason}).') from None
    if not isinstance(content, dict):
        raise ValueError(
            f'{path} holds {type(content).__name__}, expected a mapping with '
            'takes.'
        )
    size = _size(content, {})
    if size > _MAX_VALUES:
        what = f'has more than {_MAX_VALUES} values once its aliases (*name) '
        what += 'are written out'
        if size == float('inf'):
            what = 'has an alias (*name) within what it stands for'
        raise mistake(path, what, 'Write what it needs without aliases')
    return content


def _size(value: Any, known: dict[int, float]) -> float:
    """Values in lists and mappings; aliases count each time, in no time.

    A list that holds itself is without end.
    """
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list, tuple, set)):
        return 1
    if id(value) not in known:
        known[id(value)] = float('inf')
        known[id(value)] = 1 + sum(_size(part, known) for part in inside)
    return known[id(value)]
