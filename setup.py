"""Build step: what ``mim`` and ``_base_ = 'mobind_mm::…'`` look for.

Also the README without links that lead nowhere outside the repository.
Everything else about the package is in ``setup.cfg``.
"""

import configparser
import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM = ('configs', 'tools', 'model-index.yml', 'dataset-index.yml')

# Programs of the maintainers need a checkout and stay out of the wheel.
NOT_IN_WHEEL = (
    '__pycache__',
    'benchmark*',
    'check_model_zoo.py',
    'fit_*',
    'gpu_check.sh',
    'leave_one_subject_out.py',
    'make_pictures.py',
    'missing_sensors.py',
    'publish_model.py',
    'row_files.py',
    'run_pages.py',
    'take_results.py',
    'update_results.py',
    'zero_shot.py',
)


class BuildWithMim(build_py):
    """Put :data:`MIM` under ``mobind_mm/.mim``.

    They are copied into a wheel. For an editable install they are linked in
    the checkout, where git ignores them.
    """

    def run(self) -> None:
        """Build, then add the files."""
        super().run()
        if self.editable_mode:
            self._link(ROOT / 'mobind_mm' / '.mim')
        else:
            self._copy(Path(self.build_lib) / 'mobind_mm' / '.mim')

    def _link(self, mim: Path) -> None:
        mim.mkdir(exist_ok=True)
        for name in MIM:
            link = mim / name
            if link.is_symlink():
                link.unlink()
            link.symlink_to(Path('..', '..', name))

    def _copy(self, mim: Path) -> None:
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in MIM:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source,
                    mim / name,
                    ignore=shutil.ignore_patterns(*NOT_IN_WHEEL),
                )
            else:
                shutil.copy2(source, mim / name)


def long_description() -> str:
    """The README, whose relative links lead to ``Source`` of ``setup.cfg``.

    Without such a URL there are their names instead, and no pictures.
    """
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg', 'utf-8')
    urls = dict(
        line.split(' = ')
        for line in config['metadata']['project_urls'].split('\n')
        if line
    )
    source = urls.get('Source')
    text = (ROOT / 'README.md').read_text('utf-8')

    def rewrite(match: 're.Match[str]') -> str:
        mark, name, path = match.groups()
        if source:
            return f'{mark}[{name}]({source}/blob/HEAD/{path})'
        return '' if mark else name

    return re.sub(r'(!?)\[([^\]]*)\]\((?!https?:|#)([^)]*)\)', rewrite, text)


setup(
    cmdclass={'build_py': BuildWithMim},
    long_description=long_description(),
    long_description_content_type='text/markdown',
)
