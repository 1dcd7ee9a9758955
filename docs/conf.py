"""How Sphinx builds the documentation: `make docs`. Nothing is fetched, and a warning is an error."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

os.environ.setdefault("TILTYARD_STORE", str(HERE.parent / "build" / "docs" / "runs.sqlite"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ |= {"NO_COLOR": "1", "TERM": "dumb", "HF_HUB_OFFLINE": "1"}

from _pages.numbers import program  # noqa: E402 (the store is named first)

from tiltyard.version import __version__  # noqa: E402

project = "Tiltyard"
author = "The Tiltyard authors"
copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "_pages",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_pages", "examples", "README.md"]
default_role = "literal"
python_maximum_signature_line_length = 80
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
nitpicky = False

myst_enable_extensions = ["colon_fence", "fieldlist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# Tutorials are notebooks written as Markdown: they run when the site is built, and an error in one ends the build.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "docs" / "ran" / program()[:16])  # what ran counts until the program changes
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_execution_in_temp = True
nb_merge_streams = True

sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": "/plot_",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 10**6,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "reset_modules": (),
    "capture_repr": ("_repr_html_",),
    "notebook_extensions": set(),
    "remove_config_comments": True,
    "within_subsection_order": "FileNameSortKey",
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "Tiltyard"
html_static_path = ["_static"]
html_css_files = ["tiltyard.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "search_as_you_type": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "gallery/index": []}

os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # `tiltyard` in a cell is this one
