"use strict";
// Forward and backward, written by microgradrnn from a recorded graph of $count scalar nodes.
const forwardBackward = (() => {
$helpers
  // An entry an op. v: all values. at: the slots of what is read, this node's from k on. z, u: this node's value and
  // its upstream. local and down: the local gradient and the contribution of each edge.
  const ops = [
$ops
  ];
  // Which op each node is. Nodes have slots: the leaves first, which have none, then all others in this order.
  const kind = [
$kinds
  ];
  // The slot of each thing read, node by node.
  const at = new Uint32Array([
$read
  ]);
  // Which leaves want a gradient.
  const wanting = [
$wanting
  ];
  const leafCount = wanting.length;
  const nodeCount = leafCount + kind.length;
  const root = $root;

  // Where the edges of each node begin.
  const start = new Uint32Array(nodeCount + 1);
  const wants = new Uint8Array(nodeCount);
  wants.set(wanting);
  for (let n = leafCount; n < nodeCount; n++) {
    start[n + 1] = start[n] + ops[kind[n - leafCount]].reads;
    for (let k = start[n]; k < start[n + 1]; k++) wants[n] |= wants[at[k]];
  }
  // The gradients before a backward pass: NaN for none, and 0 of what nothing reads. A first contribution is added to
  // -0, which changes nothing, not even -0.
  const before = Float64Array.from(wants, (wanted) => (wanted ? 0 : NaN));
  for (const slot of at) if (wants[slot]) before[slot] = -0;
  before[root] = 1;

  const pass = (leaves, values, grads, contributions, locals) => {
    values.set(leaves);
    for (let n = leafCount; n < nodeCount; n++)
      values[n] = ops[kind[n - leafCount]].forward(values, at, start[n]);
    grads.set(before);
    contributions.fill(0);
    locals.fill(0);
    for (let n = nodeCount - 1; n >= leafCount; n--) {
      if (!wants[n]) continue;
      ops[kind[n - leafCount]].backward(values, at, start[n], values[n], grads[n], locals, contributions);
      for (let k = start[n]; k < start[n + 1]; k++)
        if (wants[at[k]]) grads[at[k]] += contributions[k];
    }
    return values[root];
  };
  // The local gradient of a node of one input, were its value z; what it reads is taken from the values.
  const slope = (values, n, z) => {
    const local = [], down = [];
    ops[kind[n - leafCount]].backward(values, at, start[n], z, 1, local, down);
    return local[start[n]];
  };
  return Object.assign(pass, { at, start, slope });
})();
