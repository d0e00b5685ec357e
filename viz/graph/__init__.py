"""From a pass to a view of it: boxes, arrows, columns, levels."""
