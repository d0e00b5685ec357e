"""The op table: one record an operation, and nothing about an operation stands anywhere else.

It reads like a table of derivatives. An op is known by its *local* gradient, d(output)/d(input), and the engine does
the rest: it multiplies by upstream, undoes broadcasting and adds contributions up.

- `record`: `Op`, the record. An *elementwise* op lists one ``local`` gradient an input. A *structural* op (matmul, sum,
  indexing, ...) is a linear map too large to write out, so it lists the map's two directions instead: ``pull``
  (upstream -> downstream, reverse mode) and ``push`` (tangent -> tangent, forward mode).
- The table itself, in pages. Elementwise: `elementwise`, `piecewise`. Structural: `products`, `reductions`, `shapes`,
  `parts`, `softmax`.
- `OPS`: the same records by name.

Every function takes as ``xp`` the namespace to compute in: `microgradrnn.floats` for a `Value`, `numpy` for a
`Tensor`, scalar nodes when a graph is lowered. So it may use ``xp`` and operators only, and may not branch on data.
``x``, ``y`` are the inputs, ``z`` is the output, ``u`` is upstream and ``v`` a tangent.
"""

from collections.abc import Mapping

from microgradrnn.ops import elementwise, parts, piecewise, products, reductions, shapes, softmax
from microgradrnn.ops.elementwise import *
from microgradrnn.ops.parts import *
from microgradrnn.ops.piecewise import *
from microgradrnn.ops.products import *
from microgradrnn.ops.record import EachInput as EachInput
from microgradrnn.ops.record import Op as Op
from microgradrnn.ops.record import Scattered as Scattered
from microgradrnn.ops.record import downstream_of as downstream_of
from microgradrnn.ops.reductions import *
from microgradrnn.ops.shapes import *
from microgradrnn.ops.softmax import *

_PAGES = (elementwise, piecewise, products, reductions, shapes, parts, softmax)

OPS: Mapping[str, Op] = {
    record.name: record for page in _PAGES for record in vars(page).values() if isinstance(record, Op)
}
"""The whole table by name, in the order of its pages."""
