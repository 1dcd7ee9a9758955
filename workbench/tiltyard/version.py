"""The version: the one line that the build reads. Apart from the package, which stands above all that needs it."""

__version__ = "0.1.0"
