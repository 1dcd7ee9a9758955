"""Tiltyard: the yard where models train for the attack."""

__version__ = "0.1.0"
