"""Every relative link of the documentation leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        ROOT / 'README.md',
        ROOT / 'CHANGELOG.md',
        *(ROOT / 'docs').glob('*.md'),
        *(ROOT / 'configs').glob('*/README.md'),
    ]
)
LINK = re.compile(r'\[[^\]]*\]\(\s*<?([^)\s>]+)')


def prose(page):
    """A page without its code."""
    text = re.sub(r'^```.*?^```', '', page.read_text(), flags=re.M | re.S)
    return re.sub(r'`[^`]*`', 'code', text)


def anchors(page):
    """Anchors of the headings, as GitHub makes them."""
    return {
        re.sub(r'[^\w\- ]', '', heading.lower()).strip().replace(' ', '-')
        for heading in re.findall(r'^#+ (.*)$', page.read_text(), re.M)
    }


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(page):
    for link in LINK.findall(prose(page)):
        if re.match(r'[a-z]+:', link):
            continue
        path, _, anchor = link.partition('#')
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f'{page.name}: {link}'
        assert ROOT in target.parents, f'{page.name}: {link}'
        if anchor:
            assert anchor in anchors(target), f'{page.name}: {link}'


def test_links_are_found():
    """The test above would see a broken one."""
    found = LINK.findall(prose(ROOT / 'README.md'))
    assert 'docs/data.md' in found and 'CITATION.cff' in found


def test_every_page_is_in_the_index():
    index = (ROOT / 'docs/index.md').read_text().split()
    pages = {path.stem for path in (ROOT / 'docs').glob('*.md')} - {'index'}
    assert pages <= set(index)


def test_pictures_are_small_and_used():
    text = ''.join(page.read_text() for page in PAGES)
    for picture in (ROOT / 'docs/images').iterdir():
        moves = picture.suffix in ('.mp4', '.webp', '.gif')
        most = 1_000_000 if moves else 150_000
        assert picture.stat().st_size < most, picture.name
        assert picture.name in text, picture.name
