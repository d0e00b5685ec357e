"""`train` on two processes of this machine: the same training as on one, and an end for both where one ends."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training import two
from microgradrnn.training import Run
from tests.cli.running import run, started

pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

TEXT = "she sells sea shells by the sea shore.\n" * 20
SMALL = ["--engine", "jax", "--hidden", "6", "--layers", "1", "--seq-length", "8", "--batch-size", "4", "--epochs", "2"]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def on_two(texts, folder, *options, second=()):
    """(exit status, stdout, stderr) of both commands."""
    port = 20_000 + hash(folder) % 20_000
    told = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--start-timeout", "120"]
    both = [
        started(path, "--out", folder, *options, *told, "--process-id", index, *(second if index else ()))
        for index, path in enumerate(texts)
    ]
    return [(process.wait(), out, err) for process in both for out, err in [process.communicate()]]


def test_two_processes_train_as_one_does(tmp_path, text):
    (status, said, _), (other, little, _) = on_two([text, text], tmp_path / "two", *SMALL)
    assert (status, other) == (0, 0)
    assert "Finished after 2 epochs" in said
    assert "Gloo" not in said
    assert little == ""
    assert run("train", text, "--out", tmp_path / "one", *SMALL).exit_code == 0
    one, two_of_them = (Run(tmp_path / name).last() for name in ("one", "two"))
    assert one.text_digest == two_of_them.text_digest
    assert one.vocabulary == two_of_them.vocabulary
    for name in one.arrays:
        np.testing.assert_allclose(one.arrays[name], two_of_them.arrays[name], rtol=1e-4, atol=1e-4, err_msg=name)
    # and it goes on, on one
    assert run("train", text, "--out", tmp_path / "two", "--resume", "--epochs", 3).exit_code == 0


def slurm(index, job):
    """The variables that SLURM sets for one of two tasks; JAX makes the coordinator's port of the job's number."""
    return {
        "SLURM_JOB_ID": str(job),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": str(index),
        "SLURM_LOCALID": str(index),
    }


def open_mpi(index, job):
    """Those of Open MPI 4."""
    return {
        "OMPI_MCA_orte_hnp_uri": f"{job * 2**12}.0;tcp://127.0.0.1:34911",
        "OMPI_COMM_WORLD_SIZE": "2",
        "OMPI_COMM_WORLD_RANK": str(index),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(index),
    }


@pytest.mark.parametrize("cluster", [slurm, open_mpi])
def test_a_cluster_tells_its_processes_who_they_are(tmp_path, text, cluster):
    job = 1 + hash(tmp_path) % 4000
    both = [started(text, "--out", tmp_path / "run", *SMALL, "--cluster", **cluster(index, job)) for index in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "2 devices of 2 processes" in said[0][0]
    assert Run(tmp_path / "run").last().position.epoch == 2


def test_told_all_a_process_does_not_ask_the_cluster(tmp_path, text):
    """JAX would take the number of processes from there, and all devices but one away."""
    port = 20_000 + hash(tmp_path) % 20_000
    told = ["--coordinator", f"127.0.0.1:{port}", "--processes", "1", "--process-id", "0"]
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    process = started(text, "--out", tmp_path / "run", *SMALL, *told, **slurm(1, 7), **devices)
    said = process.communicate()
    assert process.returncode == 0, said
    assert "2 devices" in said[0]


def test_a_training_with_a_mesh_goes_on_in_the_other_engine_without_it(tmp_path, text):
    assert run("train", text, "--out", tmp_path / "run", *SMALL, "--mesh", "data=1").exit_code == 0
    went_on = run("train", text, "--out", tmp_path / "run", "--resume", "--engine", "numpy", "--epochs", 3)
    assert went_on.exit_code == 0, went_on.output
    assert Run(tmp_path / "run").last().settings.mesh == ""


@pytest.mark.parametrize("what", ["text", "option"])
def test_what_differs_on_one_of_them_ends_both_with_a_line(tmp_path, text, what):
    other = Path(tmp_path / "other.txt")
    other.write_text(TEXT.replace("shore", "store"), encoding="utf-8")
    texts, second = ([text, other], []) if what == "text" else ([text, text], ["--lr", "0.5"])
    for status, _, said in on_two(texts, tmp_path / "run", *SMALL, second=second):
        assert status == 2
        assert said.count("Error: ") == 1
        assert "differs from process to process" in said
        assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_a_batch_that_cannot_be_divided_ends_both_with_a_line(tmp_path, text):
    for status, _, said in on_two([text, text], tmp_path / "run", *SMALL, "--batch-size", "3"):
        assert status == 2
        assert "3 streams of text cannot be divided over 2 devices" in said


def test_one_that_comes_alone_waits_no_longer_than_it_is_told(tmp_path, text):
    told = ["--coordinator", "127.0.0.1:29871", "--processes", "2", "--process-id", "1", "--start-timeout", "2"]
    process = started(text, "--out", tmp_path / "run", *SMALL, *told)
    _, said = process.communicate(timeout=120)
    assert process.returncode in (1, 2)
    assert said.count("Error: ") == 1
    assert "have not found one another" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cluster"], "JAX finds neither SLURM nor Open MPI nor Kubernetes here"),
        (["--processes", "2"], "each has --coordinator, --processes and --process-id, or --cluster"),
        (["--coordinator", "h:1", "--processes", "2", "--process-id", "2"], "of 2 processes the ids are 0 to 1, got 2"),
        (["--coordinator", "host", "--processes", "2", "--process-id", "0"], "is written HOST:PORT, got 'host'"),
        (["--cluster", "--engine", "numpy"], "train together with --engine jax alone"),
        (["--cluster", "--watch", "5"], "--watch is for one process"),
        (["--mesh", "data=two"], "a mesh is written data=4 or data=4,model=2, got 'data=two'"),
        (["--mesh", "data=2", "--engine", "numpy"], "add --engine jax"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, options, words):
    process = started(text, "--out", tmp_path / "run", *SMALL, *options)
    _, said = process.communicate()
    assert process.returncode == 2
    assert words in said
    assert "Traceback" not in said


def test_a_kill_of_one_ends_both_with_a_line_and_leaves_a_whole_checkpoint():
    """Twice; `python -m benchmarks.training two` does it 20 times."""
    found = two.measure(2, seed=1)
    assert all(ended.as_promised for ended in found), found
