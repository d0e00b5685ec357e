"""The forward messages of "RNN White Box" (2016), handed from unit to unit: `read` a chain, then `paint` it."""
