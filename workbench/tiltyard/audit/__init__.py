"""The audit log: who did what, kept in a chain."""
