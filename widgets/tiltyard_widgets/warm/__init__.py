"""Kernels forked from a parent that has imported what all of them want, in place of a Python that starts from nothing."""
