"""
How robust accuracy falls with eps
==================================

One attack gives the whole curve: what share of held-out rows stays right while each feature may move by ``eps`` of its range.
The whiskers are intervals of 95 %.
"""

import tiltyard as ty

sample = ty.load("census")
record = ty.check("evasion.pgd", sample.target, sample.data, eps=0.1, steps=20, rows=100)
record.plot()

# %%
# In a sentence:
print(record.result.summary)
