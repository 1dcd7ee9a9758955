"""Panels of Tiltyard for Jupyter and Voila, and the blocks they are built from."""
