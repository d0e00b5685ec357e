"""What Sphinx is told. `make docs` builds the docs into out/docs."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

(HERE / "made").mkdir(exist_ok=True)  # Sphinx looks for it before the code of the pages fills it

project = "microgradrnn"
author = "microgradrnn contributors"
html_title = "microgradrnn"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "book", "mathml", "reference"]
exclude_patterns = ["made", "pictures", "_ext"]  # what is made is reached by name
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_extra_path = ["made"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style, pygments_dark_style = "tango", "monokai"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3
default_role = "py:obj"
napoleon_use_param = False  # names that share a line in a docstring share it on the page
napoleon_custom_sections = [("Attributes", "params_style"), ("Args and attributes", "params_style")]
napoleon_attr_annotations = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
suppress_warnings = ["myst.header", "config.cache"]
