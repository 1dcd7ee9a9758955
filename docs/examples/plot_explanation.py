"""
What moves the answers
======================

Mean absolute SHAP values with intervals, on a few rows.
"""

import tiltyard as ty

sample = ty.load("census")
record = ty.check("explanation.shap", sample.target, sample.data, rows=20)
record.plot("importance")

# %%
# In a sentence:
print(record.result.summary)
