"""
Groups of people
================

Selection rates by group, each with its interval. Groups of few rows are shown and not compared.
"""

import tiltyard as ty

sample = ty.load("census")
record = ty.check("fairness.groups", sample.target, sample.data, columns=("race",), rows=3000)
record.plot()

# %%
# In a sentence:
print(record.result.summary)
