"""The panels, each alone in a cell, and the workbench that composes them."""
