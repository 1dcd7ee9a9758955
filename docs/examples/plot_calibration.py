"""
Does its confidence say how often it is right?
==============================================

A model that is sure and wrong misleads whoever relies on its scores.
"""

import tiltyard as ty

sample = ty.load("census")
record = ty.check("validation.performance", sample.target, sample.data, rows=2000)
record.plot("calibration")

# %%
# In a sentence:
print(record.result.summary)
