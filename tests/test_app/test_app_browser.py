"""The app in a headless browser: from upload to download, and what fails."""

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from raw_videos import write_video

from mobind_mm.datasets.synthetic.example import write_example

pytest.importorskip('starlette')
pytest.importorskip('uvicorn')
playwright = pytest.importorskip('playwright.sync_api')
BROWSER = shutil.which('chromium') or shutil.which('google-chrome')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason='there is no browser'),
]
OFFSET = 3.217
WAIT_MS = 240_000


@contextmanager
def serving(log, *flags):
    """``mobind app`` on a free port; its address and process."""
    command = [sys.executable, '-m', 'mobind_mm', 'app', '--port', '0']
    with log.open('w') as file:
        process = subprocess.Popen(
            [*command, '--no-browser', *flags],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(1200):
            text = log.read_text()
            if 'http://' in text:
                break
            assert process.poll() is None, text
            time.sleep(0.1)
        yield 'http://' + text.split('http://')[1].split()[0], process
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp('example')
    write_example(root, OFFSET, seconds=20.0)
    return root


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    with serving(tmp_path_factory.mktemp('log') / 'app.log') as (url, _):
        yield url


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=BROWSER,
            args=['--no-sandbox', '--disable-background-networking'],
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser, address):
    context = browser.new_context(
        accept_downloads=True, viewport={'width': 1280, 'height': 1000}
    )
    page = context.new_page()
    page.errors = []
    page.on('pageerror', lambda error: page.errors.append(str(error)))
    page.set_default_timeout(WAIT_MS)
    opened(page, address)
    yield page
    assert page.errors == []
    context.close()


def opened(page, address):
    page.goto(address)
    page.wait_for_selector('body[data-ready=yes]')


def upload(page, *paths):
    page.set_input_files('#chosen', [str(path) for path in paths])


def wait_until_read(page, count):
    expression = (
        f'document.querySelectorAll(".badge").length === {count} && '
        '!document.querySelector(".badge.wait")'
    )
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end
        time.sleep(0.1)


def download(page, selector, folder):
    with page.expect_download() as waited:
        page.click(selector)
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def describe_video(page):
    """Enter frames per second, width and height."""
    pose = page.locator('.file', has_text='pose.json')
    for value, place in ((29.97, 0), (1920, 1), (1080, 2)):
        pose.locator('input').nth(place).fill(str(value))
        pose.locator('input').nth(place).blur()


def test_from_upload_to_download(page, files, tmp_path):
    upload(page, files / 'imu.csv', files / 'imu.yml', files / 'pose.json')
    wait_until_read(page, 3)
    page.click('#run')
    page.wait_for_selector('#sync-error:not([hidden])')
    asked = 'Enter the frames per second, width, height of the video of'
    assert asked in page.inner_text('#sync-error')
    text = page.inner_text('#files')
    assert 'describes imu.csv' in text and '--' not in text
    describe_video(page)
    page.click('#run')
    page.wait_for_selector('#result-part:not([hidden])')
    found = float(page.evaluate('state.view.answer.offset_s'))
    assert abs(found - OFFSET) < 0.05
    assert not page.evaluate('state.view.answer.abstained')
    # Two frames later, then ten milliseconds earlier, all in the page.
    before = page.evaluate('document.getElementById("traces").toDataURL()')
    page.click('[data-frames="1"]')
    page.click('[data-frames="1"]')
    page.click('[data-ms="-10"]')
    after = page.evaluate('document.getElementById("traces").toDataURL()')
    assert before != after
    moved = page.evaluate('state.moved')
    assert moved == pytest.approx(2 / 29.97 - 0.01, abs=2e-5)
    path = download(page, '#download-sync', tmp_path)
    answer = pd.read_json(path, typ='series')
    assert answer['offset_s'] == pytest.approx(found + moved, abs=1e-4)
    assert 'by hand' in answer['notes'][-1]
    path = download(page, '#download', tmp_path)
    table = pd.read_csv(path)
    own = pd.read_csv(files / 'imu.csv')
    time_column = own.columns[0]
    column = next(c for c in own if c.endswith('acc_x') or 'ax' in c.lower())
    shown = next(c for c in table if c.startswith('right_wrist_acc'))
    at = table['time'] + found + moved
    expected = np.interp(at, own[time_column], own[column])
    scale = np.nanstd(table[shown]) / np.std(expected)
    inside = table[shown].notna()
    assert np.corrcoef(table[shown][inside], expected[inside])[0, 1] > 0.999
    assert scale == pytest.approx(9.80665, rel=0.05)
    page.check('#exports input[value=elan]')
    path = download(page, '#download', tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert {'aligned.csv', 'sync.json', 'export.json'} <= {
            *archive.namelist()
        }
        assert any(name.endswith('.eaf') for name in archive.namelist())


def test_a_clip_with_sound(page, files, tmp_path):
    """The video, trimmed to the sensors that are set by hand."""
    av = pytest.importorskip('av')
    frames = json.loads((files / 'pose.json').read_text())
    for person in (p for frame in frames for p in frame['instances']):
        person['keypoints'] = (np.array(person['keypoints']) / 10).tolist()
        person['bbox'] = (np.array(person['bbox']) / 10).tolist()
    small = tmp_path / 'pose.json'
    small.write_text(json.dumps(frames))
    times = np.arange(len(frames)) / 29.97
    video = tmp_path / 'take.mp4'
    write_video(video, times, sound=True, size=(192, 108))
    upload(page, files / 'imu.csv', files / 'imu.yml', small, video)
    wait_until_read(page, 4)
    page.click('#run')
    page.wait_for_selector('#result-part:not([hidden])')
    found = float(page.evaluate('state.view.answer.offset_s'))
    assert abs(found - OFFSET) < 0.05
    page.click('[data-frames="1"]')
    moved = page.evaluate('state.moved')
    page.uncheck('#exports input[value=csv]')
    page.check('#exports input[value=video]')
    path = download(page, '#download', tmp_path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / 'got')
    table = pd.read_csv(tmp_path / 'got/clip.csv')
    own = pd.read_csv(files / 'imu.csv')['time'] - found - moved
    start, end = max(own.min(), 0), min(own.max(), times[-1])
    inside = (times >= start) & (times <= end)
    assert len(table) == inside.sum()
    assert table['video_time'].iloc[0] == pytest.approx(
        times[inside][0], abs=0.002
    )
    with av.open(str(tmp_path / 'got/clip.mp4')) as clip:
        assert clip.streams.audio
        shown = sum(1 for _ in clip.decode(video=0))
    assert shown == len(table)


def test_a_wrong_file_gets_its_message(page, tmp_path):
    wrong = tmp_path / 'notes.pdf'
    wrong.write_bytes(b'%PDF-1.7\n' + bytes(range(256)) * 20)
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'\0' * 5000)
    upload(page, wrong, broken)
    wait_until_read(page, 2)
    text = page.inner_text('#files')
    assert 'binary file that no reader knows' in text
    assert 'cannot read it as a video' in text
    assert '/tmp' not in text
    assert page.is_hidden('#sync-part')


def test_a_file_of_200_mb(page, tmp_path):
    large = tmp_path / 'large.bin'
    with large.open('wb') as file:
        file.truncate(200_000_000)
    upload(page, large)
    wait_until_read(page, 1)
    assert 'large.bin' in page.inner_text('#files')


def test_a_file_above_the_limit_is_named_before_it_is_sent(browser, tmp_path):
    large = tmp_path / 'large.bin'
    with large.open('wb') as file:
        file.truncate(200_000_000)
    flags = ('--max-mb', '100')
    with serving(tmp_path / 'app.log', *flags) as (address, _):
        page = browser.new_page()
        opened(page, address)
        upload(page, large)
        page.wait_for_selector('#files-error:not([hidden])')
        text = page.inner_text('#files-error')
        assert '200 MB' in text and '--max-mb 200' in text
        assert page.locator('.file').count() == 0
        page.close()


def test_two_users_and_a_closed_tab(browser, files, tmp_path):
    environment = tmp_path / 'tmp'
    environment.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TMPDIR', str(environment))
        with serving(tmp_path / 'app.log') as (address, process):
            one, two = (browser.new_context().new_page() for _ in range(2))
            for page in (one, two):
                page.set_default_timeout(WAIT_MS)
                opened(page, address)
            upload(one, files / 'imu.csv')
            wait_until_read(one, 1)
            assert two.locator('.file').count() == 0
            tokens = [page.evaluate('state.token') for page in (one, two)]
            assert tokens[0] != tokens[1]
            (root,) = environment.glob('mobind-app-*')
            assert len([*root.glob('*/in/imu.csv')]) == 1
            assert len([*root.glob('[!.]*')]) == 2
            # Working when the tab is closed: the process ends, files go.
            upload(one, files / 'imu.yml', files / 'pose.json')
            wait_until_read(one, 3)
            describe_video(one)
            one.click('#run')
            one.wait_for_selector('#cancel:not([hidden])')
            one.close(run_before_unload=True)
            for _ in range(200):
                if len([*root.glob('[!.]*')]) == 1:
                    break
                time.sleep(0.1)
            assert len([*root.glob('[!.]*')]) == 1
            with pytest.raises(urllib.error.HTTPError, match='410'):
                urllib.request.urlopen(f'{address}s/{tokens[0]}/alive')
            two.close()
            process.terminate()
            process.wait(30)
            assert [*environment.glob('mobind-app-*')] == []


def test_a_study(browser, tmp_path):
    study = tmp_path / 'results'
    (study / 'pairs/anna').mkdir(parents=True)
    study.joinpath('study.csv').write_text(
        'state,recording,video,offset_s,confidence,folder\n'
        'sure,anna,anna.mp4,3.2170,0.987,pairs/anna\n'
        'doubtful,ben,ben.mp4,-12.5000,0.310,\n'
    )
    study.joinpath('pairs/anna/sync.json').write_text('{}')
    flags = ('--study', str(study))
    with serving(tmp_path / 'app.log', *flags) as (address, _):
        page = browser.new_page()
        opened(page, address)
        page.click('#tab-study')
        page.wait_for_selector('#study-table tbody tr')
        assert '1 sure, 1 doubtful' in page.inner_text('#study-summary')
        page.click('#study-table th:has-text("offset")')
        first = page.locator('#study-table tbody tr').first
        assert 'ben' in first.inner_text()
        page.click('#study-table tr.opens')
        assert 'sync.json' in page.inner_text('#study-detail')
        page.close()
