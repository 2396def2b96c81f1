"""The site, by Sphinx, from docstrings, the examples and the README. Reading it asks no host for anything.

::

    pip install -e ".[docs]" && sphinx-build -W .ci/site site

runs all examples, for their pictures, in some minutes; with ``-D plot_gallery=0`` it runs none. Pages that are made on
the way (`api`, `gallery`, `generated`) lie beside this file, and git doesn't see them.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent / "extensions"), str(ROOT)]

import pictures  # noqa: E402

import fnn  # noqa: E402

project, author, copyright = "fnn", "fnn contributors", "fnn contributors"
release = fnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "pictures",
    "sphinx_gallery.gen_gallery",
    "alone",
    "formulas",
    "api",
    "figures",
    "names",
    "readme",
    "built",
]
exclude_patterns = ["extensions", "generated", "style", "templates"]
templates_path = ["templates"]
default_role = "py:obj"
nitpicky = False
autosummary_imported_members = True
autodoc_typehints = "none"  # signatures stay short; `Parameters` have the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = "fnn"
html_static_path = ["style"]
html_css_files = ["fnn.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style, pygments_dark_style = "friendly", "github-dark"

sphinx_gallery_conf = {
    "examples_dirs": [str(pictures.COPIES)],
    "gallery_dirs": ["gallery"],
    "within_subsection_order": "pictures.order",
    "filename_pattern": pictures.RUN,
    "ignore_pattern": r"__init__\.py",
    "image_scrapers": ("pictures.scraper",),
    "reset_argv": "pictures.arguments",
    "reset_modules": (),
    "capture_repr": (),
    "download_all_examples": False,
    "notebook_extensions": set(),
    "default_thumb_file": pictures.THUMBNAIL,
    "show_signature": False,
    "min_reported_time": 1,
    "write_computation_times": False,  # a page that asks a host for its style
    "abort_on_example_error": True,
    "remove_config_comments": True,
}
