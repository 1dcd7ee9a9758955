"""
What epsilon leaves an attacker
===============================

The largest share of members that any attacker can find at each rate of false alarms, for a model trained with (epsilon, delta).
"""

import numpy as np
from matplotlib import pyplot as plt

false_alarms = np.geomspace(1e-4, 1, 200)
delta = 1e-5
figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for epsilon, style in ((0.5, "-"), (1, "--"), (2, "-."), (4, ":")):
    found = np.minimum(np.exp(epsilon) * false_alarms + delta, 1 - np.exp(-epsilon) * (1 - delta - false_alarms))
    axes.plot(false_alarms, found.clip(0, 1), style, label=f"epsilon {epsilon}")
axes.plot(false_alarms, false_alarms, color="gray", linewidth=1, label="guessing")
axes.set(xscale="log", xlabel="false alarms", ylabel="members found, at most")
axes.legend(frameon=False)
