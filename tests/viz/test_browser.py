"""The picture in a real browser."""

import shutil
import subprocess

import matplotlib.image
import pytest

from tests.viz.networks import rnn_loss
from viz import draw

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--window-size=1200,600"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
]


@pytest.fixture
def chromium():
    found = shutil.which("chromium")
    if not found:
        pytest.skip("needs Chromium")
    return found


def screenshot(chromium, tmp_path, flags):
    root = rnn_loss(2)
    root.backward()
    picture, shot = draw(root).save(tmp_path / "rnn.svg"), tmp_path / "shot.png"
    command = [chromium, *FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}"]
    subprocess.run([*command, picture.as_uri()], check=True, capture_output=True, timeout=120)
    return matplotlib.image.imread(shot)[..., :3]


def test_a_browser_shows_it_light(chromium, tmp_path):
    pixels = screenshot(chromium, tmp_path, [])
    assert pixels[2, 2].min() > 0.95
    assert (pixels < 0.3).mean() > 0.002


def test_a_browser_that_prefers_dark_shows_it_dark(chromium, tmp_path):
    pixels = screenshot(chromium, tmp_path, ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"])
    assert pixels[2, 2].max() < 0.2
    assert (pixels > 0.7).mean() > 0.002
