"""How Sphinx builds the pages: ``make docs``. They load nothing from elsewhere and read well without a network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
# Help texts are written for terminals; here none decides how wide they are.
os.environ.setdefault("TERM", "dumb")

from landslide_geo.version import __version__  # noqa: E402  the checkout's, not an installed one

project = "landslide-geo"
author = "The landslide-geo developers"
copyright = "The landslide-geo developers, Apache-2.0"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated",
]
exclude_patterns = ["_ext"]

myst_enable_extensions = ["colon_fence", "deflist"]
# Links to headings are those that GitHub makes, so that pages read well there too.
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # the changelog begins below its page's own title

html_theme = "furo"
html_title = f"landslide-geo {release}"
html_static_path: list[str] = []
html_theme_options = {"navigation_with_keys": True}
html_show_sphinx = False
html_copy_source = False
copybutton_exclude = ".linenos, .gp, .go"

# Docstrings: `name` is code, as in Markdown.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
# References of pages must resolve (-n). Types of other libraries would need their inventories from the network, and
# those of the program that are nobody's interface have no entry to lead to.
nitpick_ignore_regex = [("py:.*", r".*")]
