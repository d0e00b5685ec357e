"""From a view and positions to SVG, PNG, PDF and DOT."""
