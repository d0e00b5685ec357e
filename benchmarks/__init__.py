"""Ours beside its peers: `python -m benchmarks`. See README.md in this folder."""

import os

# Here, since this file runs before anything imports NumPy or PyTorch, and their libraries read these on loading.
# Processes started from here inherit them.
for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
