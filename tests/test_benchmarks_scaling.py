"""The measurements of speed and scaling: they read a compiled program rightly, and see who computes something else."""

import os
import sys
from dataclasses import replace
from unittest.mock import patch

import pytest

from microgradrnn.training import Settings

with patch.dict(os.environ):  # benchmarks bind every process started from here to one thread
    from benchmarks.training import scaling, speed
    from benchmarks.training.collectives import Collective, collectives

SMALL = replace(speed.SETTINGS, hidden=6, seq_length=7, batch_size=4)

PROGRAM = """HloModule jit_update, is_scheduled=true

%sum (x: f32[], y: f32[]) -> f32[] {
  ROOT %add.0 = f32[] add(%x, %y)
}

%inner (p: f32[4,8]) -> f32[4,16] {
  ROOT %all-gather.7 = f32[4,16]{1,0} all-gather(%p), channel_id=1, dimensions={1}
}

%step.clone (carried: (s32[], f32[4,8])) -> (s32[], f32[4,8]) {
  %called = f32[4,16]{1,0} call(%p.1), to_apply=%inner
  ROOT %out = (s32[], f32[4,8]{1,0}) tuple(%n, %h)
}

ENTRY %main (a: f32[3,5]) -> f32[3,5] {
  %loop = (s32[], f32[4,8]{1,0}) while(%begin), condition=%until, body=%step.clone
  %begun = (f32[3,5]{1,0}, f64[]) all-reduce-start(%a, %b), channel_id=2, to_apply=%sum
  ROOT %done = (f32[3,5]{1,0}, f64[]) all-reduce-done(%begun)
}
"""


def test_the_collectives_of_a_program_are_read_and_so_is_whether_a_loop_runs_them():
    gathered, reduced = collectives(PROGRAM)
    assert gathered == Collective("all-gather", (("f32", (4, 16)),), in_loop=True)
    assert reduced == Collective("all-reduce", (("f32", (3, 5)), ("f64", ())), in_loop=False)
    assert (gathered.bytes, reduced.bytes) == (256, 68)


def test_whoever_computes_another_loss_is_not_timed():
    pytest.importorskip("jax")
    text = speed.topics()[:5000]
    trainers = {name: speed.Trainer(replace(SMALL, engine=name.split()[0].lower()), text) for name in speed.OURS}
    assert set(speed.updates(trainers, None)) == set(speed.OURS)
    wrong = Settings(**vars(SMALL) | {"engine": "jax", "lr": 0.5})
    trainers = {speed.NUMPY: speed.Trainer(SMALL, text), speed.JAX: speed.Trainer(wrong, text)}
    with pytest.raises(AssertionError, match="mean losses"):
        speed.updates(trainers, None)


def test_devices_compute_what_one_does_and_send_little_more_than_the_weights():
    pytest.importorskip("jax")
    one, two = (scaling.found_by(scaling.on_devices(n, 6, 8, 50)) for n in (1, 2))
    scaling.agree({"one": [one], "two": [two]})
    assert one["told"] == 0
    assert one["weights"] <= two["told"] <= 1.05 * one["weights"]
    with pytest.raises(AssertionError, match="differ"):
        scaling.agree({"one": [one], "two": [two | {"loss": 1.01 * two["loss"]}]})


def test_two_processes_and_torchrun_compute_what_one_does():
    pytest.importorskip("jax")
    pytest.importorskip("torch")
    found = {
        "one": [scaling.found_by(scaling.on_processes(1, 6, 8, 50))],
        "two": [scaling.found_by(scaling.on_processes(2, 6, 8, 50))],
        "torchrun": [scaling.found_by(scaling.under_torchrun(6, 8, 50))],
    }
    scaling.agree(found)


def test_a_worker_that_fails_is_told_of():
    with pytest.raises(AssertionError, match="ended with 3: it went wrong"):
        scaling.found_by([[sys.executable, "-c", "import sys; sys.stderr.write('it went wrong'); sys.exit(3)"]])
