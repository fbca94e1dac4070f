"""What every job needs, loaded once before the first."""

from .. import apis, checks, visualization  # noqa: F401
from . import work  # noqa: F401
