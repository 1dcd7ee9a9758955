"""
Who was in the training data?
=============================

The ROC curve of the simplest membership attack, with its band. What matters is the left end: members found while few others are accused.
"""

import tiltyard as ty

sample = ty.load("digits")
record = ty.check("privacy.membership_threshold", sample.target, sample.data)
record.plot()

# %%
# In a sentence:
print(record.result.summary)
