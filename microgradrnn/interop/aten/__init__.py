"""The rows of PyTorch's own operations, ATen: each in our ops.

- `entrywise`: of each entry alone. `shapes`: moving entries. `reading`: by index. `sums`: products of matrices and
  reductions. `layers`: normalisations, convolutions, softmax, losses.
"""

from microgradrnn.interop.aten import entrywise, layers, reading, shapes, sums
from microgradrnn.interop.table import ROWS

for _rows in (entrywise.ROWS, shapes.ROWS, reading.ROWS, sums.ROWS, layers.ROWS):
    ROWS.update(_rows)
