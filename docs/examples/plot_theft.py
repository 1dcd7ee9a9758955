"""
How good a copy a thief gets
============================

Fidelity is how often the copy says what the model says. The line to beat is the majority-class baseline.
"""

import tiltyard as ty

sample = ty.load("census")
record = ty.check("theft.extraction", sample.target, sample.data, query_budget=400, points=3, epochs=5, rows=300)
record.plot()

# %%
# In a sentence:
print(record.result.summary)
