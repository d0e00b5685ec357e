"""PyTorch: its modules recorded as our graphs, and weights on their way there and back.

- `capture`: runs a PyTorch module or function once and gives our graph of it. `table`: how its operations are said in
  ours; `register` adds one. `aten`: the rows. `recorder`: hears of each operation. `names`: what tensors and modules
  are called. `origins`: which of them a leaf was. `memory`, `regions`: views, and writes in place.
- `weights`: `to_torch`, `from_torch`.

PyTorch is imported by `capture` alone, when it is called.
"""

from microgradrnn.interop import aten
from microgradrnn.interop.capturing import capture
from microgradrnn.interop.table import register
from microgradrnn.interop.weights import from_torch, to_torch

__all__ = ["aten", "capture", "from_torch", "register", "to_torch"]
