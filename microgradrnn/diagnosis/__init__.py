"""Why a recurrent network does not learn: numbers, the limits that they are beyond, and the faults that follow.

- `diagnose`: from a loss, as plain data. `viz.diagnose` says it in words and draws it.
- `Watch`: the same over the course of a training, from `watching`.
- `thresholds`: the limits. `layers`: where the recurrent layers are. `groups`: which of them run in step. `sources`:
  what reaches each state. `measures`: the numbers of a layer. `steps`: the optimiser's next step. `training`: what a
  history tells. `targets`: are they the inputs? `findings`: faults.
"""

from microgradrnn.diagnosis.diagnosing import Diagnosis, diagnose
from microgradrnn.diagnosis.findings import FAULTS, Finding
from microgradrnn.diagnosis.measures import Measured
from microgradrnn.diagnosis.thresholds import Thresholds
from microgradrnn.diagnosis.watching import Watch

__all__ = ["FAULTS", "Diagnosis", "Finding", "Measured", "Thresholds", "Watch", "diagnose"]
