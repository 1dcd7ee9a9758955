"""
How robust accuracy falls with eps
==================================

One attack gives the whole curve: what share of held-out rows stays right while each feature may move by ``eps`` of its range.
"""

import tiltyard as ty

sample = ty.load("census")
record = ty.check("evasion.pgd", sample.target, sample.data, eps=0.1, steps=20, rows=100)
print(record.result.summary)
