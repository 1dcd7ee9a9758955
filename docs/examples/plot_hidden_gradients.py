"""
A defense that only hides its gradients
=======================================

The same model twice: as it is, and with probabilities that saturate, so that gradients vanish. PGD with few steps is misled, and says that
one of its own checks does not hold; the model is no more robust than before.
"""

from matplotlib import pyplot as plt

import tiltyard as ty
from tiltyard.samples.broken import load_broken

data = ty.load("digits").data
broken = load_broken("saturated")
results = {}
for name, target in (("as it is", broken.undefended), ("gradients hidden", broken.target)):
    results[name] = ty.check("evasion.pgd", target, data, eps=0.1, steps=20, rows=60, curve=False).result

figure, axes = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
for place, result in enumerate(results.values()):
    robust = result.metric("robust_accuracy")
    axes.barh(place, robust.value, xerr=[[robust.value - robust.low], [robust.high - robust.value]], capsize=4, color="#0072B2")
axes.set(yticks=[0, 1], yticklabels=list(results), xlabel="robust accuracy that PGD reports", xlim=(0, 1))
axes.invert_yaxis()

# %%
# What PGD says of itself:
print(results["gradients hidden"].status.value, results["gradients hidden"].summary)
