"""The broker: the one process that confined kernels have runs, people, keys and the audit log kept by.

Kernels behind a shared login reach no file of these. Each has a line to the broker, of which the broker knows whose it is; it does what
that person's role allows, in that person's name, and nothing else.
"""
