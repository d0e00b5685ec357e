"""Every demo runs, at a small size, and what it returns bears out what it claims."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

DEMOS = Path(__file__).parents[1] / "demos"


def load(name):
    spec = importlib.util.spec_from_file_location(name, DEMOS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, out, **arguments):
    """The demo's result, once it is certain that its pictures are there."""
    result = load(name).main(out=out, **arguments)
    written = result.written if isinstance(result.written, list) else [result.written]
    assert all(path.parent == out and path.stat().st_size > 1000 for path in written)
    return result


def test_the_chain_rule_by_hand_and_by_the_engine_gives_the_customary_numbers(tmp_path):
    result = run("01_chain_rule", tmp_path)
    assert result.f == -12
    assert result.by_hand == result.by_engine == {"x": -4, "y": -4, "z": 3}


def test_the_chain_rule_by_hand_is_right_at_other_numbers_too(tmp_path):
    x, y, z = 0.5, -1.25, 3.0
    result = run("01_chain_rule", tmp_path, x=x, y=y, z=z)
    assert result.by_engine == {"x": z, "y": z, "z": x + y}
    assert result.by_hand == result.by_engine


def test_softmax_with_cross_entropy_is_the_same_fused_and_taken_apart(tmp_path):
    result = run("02_softmax_cross_entropy", tmp_path, logits=(0.3, -1.0, 2.0, 0.0), right=2)
    (fused, fused_grad), (apart, apart_grad) = result.fused, result.apart
    assert fused == pytest.approx(apart, rel=1e-12)
    assert np.allclose(fused_grad, result.by_formula, rtol=1e-12)
    assert np.allclose(apart_grad, result.by_formula, rtol=1e-12)
    assert fused_grad.sum() == pytest.approx(0, abs=1e-12)
    assert [path.name for path in result.written] == ["softmax_fused.svg", "softmax_apart.svg"]


def test_where_a_score_is_huge_only_the_fused_loss_is_a_number(tmp_path):
    huge = run("02_softmax_cross_entropy", tmp_path).huge
    assert huge["fused"] == 0
    assert np.isnan(huge["apart"])


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_bptt_by_hand_has_the_numbers_of_the_engine(tmp_path, steps):
    result = run("03_bptt_all_numbers", tmp_path, steps=steps)
    assert result.by_hand == pytest.approx(result.by_engine, rel=1e-12)
    assert result.dh_by_hand == pytest.approx(result.dh_by_engine, rel=1e-12)
    assert list(result.dh_by_engine) == list(range(1, steps + 1))
    assert sum(result.w_hh_by_step.values()) == pytest.approx(result.by_engine["w_hh"], rel=1e-12)
    assert "skip the tour" in result.page.read_text(encoding="utf-8")


def test_the_character_rnn_beats_character_frequencies_and_writes_its_pictures(tmp_path, capfd):
    result = load("04_character_rnn").main(out=tmp_path, seconds=3.0)
    assert result.loss_after < result.frequency_loss < result.loss_before
    assert [path.name for path in result.written] == ["rnn.html", "rnn.svg", "rnn.png", "visits.txt"]
    assert all(path.stat().st_size > 1000 for path in result.written)
    assert len(result.norms) == 4
    printed = capfd.readouterr().out
    assert "SHA-256" in printed
    assert all(str(path) in printed for path in result.written)


def test_the_frequency_model_is_the_entropy_of_its_own_counts():
    tokens = np.array([0, 0, 0, 1])
    shares = np.array([4 / 6, 2 / 6])  # counts plus one
    expected = -(3 * np.log(shares[0]) + np.log(shares[1])) / 4
    assert load("04_character_rnn").frequency_loss(tokens, tokens, 2) == pytest.approx(expected)


@pytest.mark.parametrize(("content", "message"), [(b"\xff\xfe\x00", "as UTF-8 text"), (b"short", "needs at least")])
def test_a_text_that_cannot_be_used_is_a_message(tmp_path, content, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        load("04_character_rnn").main(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gru_reads_digits_row_by_row(tmp_path):
    """In 6 of the 20 epochs and with half the units; chance is 0.1."""
    assert run("05_digits_row_by_row", tmp_path, epochs=6, hidden=32).held_out > 0.7


def test_captions_are_written_letter_by_letter_free_running(tmp_path):
    result = run("06_captions", tmp_path, epochs=10, hidden=32)
    assert result.right > 0.75
    assert result.right + result.another + result.no_name == pytest.approx(1)


@pytest.mark.parametrize("name", ["05_digits_row_by_row", "06_captions"])
def test_without_scikit_learn_it_says_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match="pip install scikit-learn"):
        load(name).main(out=tmp_path)


def test_the_highlighter_has_a_third_of_the_errors_of_what_looks_at_characters_alone(tmp_path):
    training = "argparse configparser difflib optparse inspect"
    result = run("07_highlighter", tmp_path, updates=300, hidden=48, training=training, held_out="linecache")
    assert result.always_code <= result.character_alone
    assert 1 - result.network < (1 - result.character_alone) / 3
    assert min(result.by_label.values()) > 0.5


def test_the_highlighter_is_taught_what_tokenize_says():
    labels = load("07_highlighter").true_labels("x = 'a # b'  # it's\n")
    assert "".join("csk"[k] for k in labels) == "cccc" + "s" * 7 + "cc" + "k" * 6 + "c"


def test_sums_are_learnt_and_held_out_ones_come_out_exactly(tmp_path):
    """Two digits and a quarter of the updates; a guess is right in one of 200."""
    result = run("08_sums", tmp_path, updates=1000, hidden=64, digits=2)
    assert result.exact[0] < 0.02
    assert result.exact[1000] > 0.2


def test_sums_that_are_held_out_are_never_trained_on_either_way_round():
    demo, rng = load("08_sums"), np.random.default_rng(0)
    held_out = demo.split(rng, 100)
    assert 0 < held_out.sum() < 400
    pairs = demo.draw_pairs(rng, 2, 5000, ~held_out)
    assert pairs.shape == (5000, 2)
    assert not any(held_out[a, b] or held_out[b, a] for a, b in pairs)


def test_a_window_cannot_learn_what_lies_beyond_it_and_an_rnn_can(tmp_path):
    result = run("09_fixed_window", tmp_path, window=3, longest=3, updates=300, hidden=24)
    window, gru = result.accuracy["fixed window"], result.accuracy["GRU"]
    assert min(window[0], window[1], *gru.values()) > 0.95
    assert max(window[2], window[3]) < result.chance + 0.05
    assert result.at_key["fixed window"][2] == result.at_key["fixed window"][3] == 0
    assert min(result.at_key["fixed window"][1], *result.at_key["GRU"].values()) > 0


def test_gradients_vanish_and_explode_as_the_spectrum_says(tmp_path):
    result = run("10_vanishing_exploding", tmp_path, steps=20)
    slack = 1 + 1e-9
    for found in result.outcomes.values():
        assert np.allclose(found.linear, found.theory, rtol=1e-10)
        assert (found.linear <= found.most * slack).all()
        assert (found.tanh <= found.most_tanh * slack).all()
    vanishing, kept, exploding, skew = result.outcomes.values()
    assert vanishing.linear[-1] == pytest.approx(0.8**20)
    assert kept.linear[-1] == pytest.approx(1)
    assert exploding.linear[-1] == pytest.approx(1.25**20)
    assert (skew.sigma, skew.radius) == pytest.approx((10.025, 0.5), abs=1e-3)
    assert skew.linear.max() > 1 > 1e-3 > skew.linear[-1]


def test_clipping_by_norm_keeps_the_direction_and_by_value_does_not(tmp_path):
    cosines = run("10_vanishing_exploding", tmp_path, steps=2).cosines
    assert cosines["by norm"] == pytest.approx(1, abs=1e-12)
    assert cosines["by value"] == pytest.approx(51 / np.sqrt(26 * 101), abs=1e-12)  # (5, 1) and (10, 1)


def test_gated_networks_recall_what_the_vanilla_one_has_no_gradient_for(tmp_path):
    result = run("11_recall", tmp_path, lag=20, updates=150)
    left = {name: found.before["h"][1] / found.before["h"][22] for name, found in result.outcomes.items()}
    assert left["RNN"] < 1e-3 < 0.05 < min(left["LSTM"], left["GRU"], left["RNN, W_hh orthogonal"])
    assert result.outcomes["LSTM"].accuracy > 0.9
    assert result.outcomes["RNN"].accuracy < 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_published_backward_step_is_wrong_everywhere_until_all_repairs_are_made(tmp_path, seed):
    result = run("12_find_the_bug", tmp_path, seed=seed)
    wrong = {name: {label for label, error in row.items() if error > 1e-9} for name, row in result.errors.items()}
    assert wrong["as published"] == {"W_xh", "W_hh", "b_h", "W_hy", "b_y"}
    assert wrong["own"] == {"W_xh", "W_hh", "b_h"}
    assert wrong["sum"] == set()
    assert list(result.agrees.values()) == [False, False, False, True]
    assert result.step["as published"] == {"W_hy": 4, "W_xh": 3, "W_hh": 3, "b_h": 3, "b_y": 3}
    assert (
        result.step["swap"]["W_hy"] == 3
    )  # its own line is right now; what it is handed from the step before on is not


def test_a_gradient_comes_out_alike_in_six_ways(tmp_path):
    result = run("13_six_ways", tmp_path, steps=3, hidden=2)
    ways = ["reverse mode", "forward messages", "by hand", "differences", "scalar graph"]
    assert list(result.gradients) == ways + ["PyTorch"] * (importlib.util.find_spec("torch") is not None)
    assert result.apart.pop("differences") < 1e-7
    assert max(result.apart.values()) < 1e-12
    assert np.abs(result.gradients["reverse mode"]).min() > 1e-6
