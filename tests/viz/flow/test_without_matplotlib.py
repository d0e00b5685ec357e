"""Charts need matplotlib, which is an extra; whoever asks for one without it is told what to install."""

import subprocess
import sys

import pytest

from microgradrnn.analysis import spectrum
from tests.viz.networks import rnn_loss
from viz import draw, grad_flow, loss_bars

CHARTS = {
    "grad_flow": lambda root: grad_flow(root).plot(),
    "loss_bars": lambda root: loss_bars(root).plot(),
    "spectrum": lambda root: draw(spectrum([[0.5, 0.0], [0.0, 0.25]])),
}


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_without_matplotlib_says_what_to_install(monkeypatch, chart):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RuntimeError, match=r'pip install "microgradrnn\[charts\]"'):
        CHARTS[chart](rnn_loss(2))


def test_numbers_pictures_and_pages_need_no_matplotlib(tmp_path):
    program = (
        "import sys; sys.modules['matplotlib'] = sys.modules['fontTools'] = sys.modules['PIL'] = None\n"
        "import viz\n"
        "from microgradrnn import nn\n"
        "hs, h = nn.RNN(1, 2, seed=0)([[[1.0]], [[2.0]]]); L = (hs * hs).sum(); L.backward()\n"
        "viz.draw(L).save('graph.png'); viz.draw(L, style='figure').save('graph.tex'); viz.page(L, 'page.html')\n"
        "str(viz.grad_flow(L)); viz.diagnose(L).save('diagnosis.svg'); str(viz.explain(L))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"graph.png", "graph.tex", "page.html", "diagnosis.svg"}
