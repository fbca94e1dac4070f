"""The picture shows the lag that is there, and survives missing streams."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from deliberate import pose, recordings, shifted

from mobind_mm.checks import check_recordings
from mobind_mm.checks.agreement import measure_agreement
from mobind_mm.recordings import Recording
from mobind_mm.visualization.recording_check import draw_recording_check


def test_checks_and_pictures_load_no_drawing_library():
    code = (
        'import sys, mobind_mm.checks, mobind_mm.visualization\n'
        'from mobind_mm.visualization import save_recording_check\n'
        'assert "matplotlib" not in sys.modules'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_directory_for_pictures_needs_what_draws(tmp_path):
    with pytest.raises(ValueError, match='draw=mobind_mm.visualization'):
        check_recordings([], show_dir=tmp_path)


def texts(figure):
    return [
        text.get_text()
        for axes in figure.axes
        for text in (*axes.texts, axes.title, axes._left_title)
        if text.get_text()
    ]


def test_rows_lags_and_sensors():
    one = next(iter(recordings().values()))
    late = replace(one.pose, clock=shifted(one.pose.clock, -0.5))
    recording = Recording(one.imu, late)
    found = measure_agreement(recording, 2.0, {})
    figure = draw_recording_check(recording, found, 'take one')
    shown = texts(figure)
    assert figure._suptitle.get_text() == 'take one'
    assert shown.count('left wrist') == 2  # the row and the skeleton
    lags = [float(t[:-2]) for t in shown if t.endswith(' s')]
    assert lags == pytest.approx([0.5, 0.5], abs=0.04)
    sensor, limb = figure.axes[0].lines[:2]
    assert len(sensor.get_xdata()) == 1000
    assert np.ptp(sensor.get_xdata()) < 10
    both = np.isfinite(sensor.get_ydata()) & np.isfinite(limb.get_ydata())
    x, y = sensor.get_ydata()[both], limb.get_ydata()[both]
    # What the sensor shows at 50 samples later is what the limb shows.
    late, now = (np.corrcoef(x[k:], y[: len(y) - k])[0, 1] for k in (50, 0))
    assert late > 0.5 > now + 0.2
    figure.canvas.draw()


def test_nobody_and_nothing():
    found = pose(recordings(), scores=lambda s: 0 * np.asarray(s.scores))
    one = next(iter(found.values()))
    measured = measure_agreement(one, 2.0, {})
    figure = draw_recording_check(one, measured, 'empty')
    assert 'nobody was found' in texts(figure)
    figure.canvas.draw()
    none = draw_recording_check(Recording({}, one.pose), measured, 'none')
    none.canvas.draw()
