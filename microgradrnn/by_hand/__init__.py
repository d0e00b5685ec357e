"""The gradients of recurrent networks derived by hand: NumPy alone, nothing recorded, an equation a line.

They are a second witness of what the engine computes, and the place to read why it is so. A file an architecture:

- `vanilla`: the recurrent network with a read-out, and its one step backward.
- `sandwich`: a dense layer, a recurrent one, a dense one; truncated where asked for.
- `lstm`, `gru`: the gated cells.
- `encoder_decoder`: two networks and the context between them, with teacher forcing or running free.
- `softmax_cross_entropy`: the loss of classes. `min_char_rnn`: the vanilla network as a character model.
- `walk`: the walk back through time, which they share. `shapes`: the check of what comes in.

Take one with ``from microgradrnn.by_hand import vanilla``.

The networks all work alike. Weights and gradients are dicts by label (of one of the engine's modules the weights are
``{p.label: p.data for p in module.parameters()}``), rows are the batch, and time is the first axis:

    outputs, cache = forward(x, weights, h0)        # x (T, N, input) -> outputs (T, N, ...)
    gradients = backward(dL/d outputs, cache)       # {"W_xh": ..., "b_h": ..., "x": ..., "h_0": ...}

Every derivation rests on three rules. In them ``da`` is short for dL/da, an array of a's shape.

1. Product. ``z = x W`` is z_nj = sum_i x_ni W_ij. L depends on W_ij through z_nj of every row n, and on x_ni through
   every entry j of its row:

       dL/dW_ij = sum_n x_ni dz_nj    so dW = x^T dz    (the sum runs over rows: x is turned to bring them inside)
       dL/dx_ni = sum_j dz_nj W_ij    so dx = dz W^T    (the sum runs over columns, of dz and of W: W is turned)

   The shapes leave no other choice: (input, N) (N, hidden) and (N, hidden) (hidden, input). A bias b is added to every
   row, so db = sum_n dz_n.
2. Entry by entry. ``h = f(z)``: h_nj depends on z_nj alone, so dz = dh * f'(z). For tanh, f'(z) = 1 - h^2; for
   sigmoid, f'(z) = h (1 - h).
3. Copy. What is read in several places gets the sum of what they send back: h_t of step t's output and of step t + 1;
   a weight of all T steps.
"""
