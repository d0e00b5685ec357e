"""From a view to positions; the only place that runs Graphviz."""
