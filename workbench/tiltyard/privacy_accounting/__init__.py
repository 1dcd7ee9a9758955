"""Differential-privacy accountants, and the budget they keep."""
