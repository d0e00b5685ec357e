"""Training on sequences that are too long for one backward pass, and going on after a stop as if there had been none.

- `truncated_bptt`: a sequence in chunks, the state carried over and cut between them.
- `Settings`: what a training is told. `Trainer`: a character model in training, one chunk at a time.
- `Checkpoint`: all of it in one file. `Run`: the folder that a training writes; `InUse`: another one does.
- `evaluate`: the loss of a model on a text.
"""

from microgradrnn.training.bptt import truncated_bptt
from microgradrnn.training.checkpoint import Checkpoint, CheckpointError, Position
from microgradrnn.training.evaluation import evaluate
from microgradrnn.training.lock import InUse
from microgradrnn.training.run import Run
from microgradrnn.training.settings import MIN_CHAR_RNN, Settings
from microgradrnn.training.trainer import Diverged, Trainer

__all__ = [
    "MIN_CHAR_RNN",
    "Checkpoint",
    "CheckpointError",
    "Diverged",
    "InUse",
    "Position",
    "Run",
    "Settings",
    "Trainer",
    "evaluate",
    "truncated_bptt",
]
