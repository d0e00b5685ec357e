"""From a pass to words and formulas, and from those to text, HTML and lines for a terminal."""
