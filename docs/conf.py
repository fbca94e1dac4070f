"""Sphinx: `pip install -e '.[docs]' && sphinx-build -W docs docs/_build`."""

import re
from pathlib import Path

from mobind_mm.utils.lazy import import_all
from mobind_mm.version import __version__

# autodoc only sees names that are already imported.
import_all('mobind_mm.datasets')
import_all('mobind_mm.apis')
import_all('mobind_mm.apis.study')

project = 'mobind_mm'
author = copyright = 'The mobind_mm contributors'
release = version = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'mobind_mm {release}'

autodoc_default_options = {'members': True, 'show-inheritance': True}
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_preserve_defaults = True
# Fields of data classes are described once.
napoleon_use_ivar = True

myst_heading_anchors = 3


def setup(app):
    """Turn links that lead to no page, ``../configs/…``, into names."""
    link = re.compile(r'\[([^\]]*)\]\(\.\./([^)]*)\)')

    def rewrite(app, page, source):
        if page == 'contributing':
            text = Path(__file__).parents[1].joinpath('CONTRIBUTING.md')
            source[0] = text.read_text('utf-8').replace('](docs/', '](')
            source[0] = source[0].replace('](CHANGELOG', '](../CHANGELOG')
        source[0] = link.sub(r'\1 (`\2`)', source[0])

    app.connect('source-read', rewrite)
