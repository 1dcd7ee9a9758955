"""A red-team campaign: many attacks under one budget and one set of rules."""
