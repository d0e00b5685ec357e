"""Gradient through time: how much of it arrives at each step, and from which loss; and all charts.

- `grad_flow`, `verdict`: norms over time, and what they say. `loss_bars`: itemised by the losses.
- `chart`, `loss_bars_chart`, `spectrum_chart` draw, on what `canvas`, `colour_maps` and `dark` have for all of them.
  They alone draw with matplotlib, and are imported when a chart is asked for.
"""
