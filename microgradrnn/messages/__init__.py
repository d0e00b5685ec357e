"""Forward messages: the gradients of a recurrent network, carried along with time ("RNN White Box", 2016).

Backpropagation through time reads a sequence to its end, keeps every state, and goes back. Messages go forward: beside
its state the network hands on how each unit of it has depended on each weight so far. So the gradient of E_t is known
at step t, and memory does not grow with T. It is also known as real-time recurrent learning (Williams and Zipser,
1989), and it is another derivation than the backward pass: by pushes instead of pulls, from the first step to the last.

- `forward_messages`: the loss and its gradients. `message_steps`: the same, step by step, with every term to look at:
  ``print(step)`` says it in words, and ``viz.draw(chain)`` draws all steps.
- `Chain`: what messages are passed along: units, losses, parameters. Of the text's four architectures, with RNN, LSTM
  or GRU cells: `synchronized`, `unsynchronized`, `input_sequence`, `output_sequence`.

Of each there are two forms. The full one is right. The printed one is what the text has: it keeps derivatives between
units of the same index alone, which is right where the recurrent matrix is diagonal, and warns where it is not.

>>> import numpy as np
>>> from microgradrnn import nn
>>> model, x = nn.ManyToMany(input_size=2, hidden_size=3, output_size=2, seed=0), np.ones((4, 1, 2))
>>> chain = synchronized(model, x, targets=np.array([[0], [1], [1], [0]]))
>>> print(forward_messages(chain))
E = 2.8175
  rnn.cells.0.0.W_xh (2, 3): norm of dE/dp 0.5338
  rnn.cells.0.0.W_hh (3, 3): norm of dE/dp 0.06389
  rnn.cells.0.0.b_h (3,): norm of dE/dp 0.3775
  readout.W (3, 2): norm of dE/dp 0.1895
  readout.b (2,): norm of dE/dp 0.4698
"""

from microgradrnn.messages.architectures import (
    cross_entropies,
    input_sequence,
    output_sequence,
    squared_errors,
    synchronized,
    unsynchronized,
)
from microgradrnn.messages.passing import (
    Chain,
    Messages,
    PrintedFormWarning,
    Step,
    forward_messages,
    message_steps,
)

__all__ = [
    "Chain",
    "Messages",
    "PrintedFormWarning",
    "Step",
    "cross_entropies",
    "forward_messages",
    "input_sequence",
    "message_steps",
    "output_sequence",
    "squared_errors",
    "synchronized",
    "unsynchronized",
]
