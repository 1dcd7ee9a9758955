# %% [markdown] minutes=4
# # Lab 2: Small changes that fool a model
#
# A model reads handwritten digits. You will change its pictures so little that you would still read them, and watch it fail. Then you measure
# **how much** it fails, which is harder than it sounds; and last you meet a model that was trained for this.
#
# You need lab 1's idea of access: here the attacker has gradients.

# %%
import numpy as np

import tiltyard as ty

name = "Ada Lovelace"  # blank: your name, as in lab 1
ty.labs.name(name)

# %%
ty.labs.start(2)

# %% [markdown]
# **The baseline first.** How often is the model right when nobody attacks it, and how often would somebody be who always says the commonest digit?

# %%
digits = ty.labs.model("digits")
clean = ty.labs.run("2c", "validation.performance", digits.target, digits.data)
clean.result.summary

# %% [markdown] tags=["slide"]
# # Lab 2: Small changes
# - Clean accuracy says nothing about an attacker
# - **eps**: how far each pixel may move, as a share of its range
# - Robust accuracy: right on the row **and** on all that the attack tried

# %% [markdown] minutes=4
# ## A wrong way: random noise
#
# "We added noise of size 0.1 and it is still right, so it is robust." This sentence stands in real reports. Here is what it measures.

# %%
rows = digits.data.unseen
noise = np.random.default_rng(0).uniform(-0.1, 0.1, rows.x[:100].shape).astype(np.float32)
noisy = np.clip(rows.x[:100] + noise, 0, 1)
print(f"right on {(digits.target.labels(noisy) == rows.y[:100]).mean():.0%} of 100 noisy pictures")

# %% [markdown] minutes=7
# ## 2a · One step along the gradient
#
# The fast gradient sign method moves each pixel by 0.1 in the one direction that raises the loss.
#
# **Predict:** on how many percent of pictures does the model stay right?

# %%
guess = 90  # blank: percent of pictures that stay right
ty.labs.predict("2a", guess)

# %%
one_step = ty.labs.run("2a", "evasion.fgsm", digits.target, digits.data, eps=0.1, rows=100, curve=False)
one_step

# %% [markdown]
# The same with the mouse, locked by the same prediction (take the signs away):

# %%
# from tiltyard_widgets.panels import attack, predict_first
# predict_first.PredictFirst("2a", attack.AttackPanel, digits.target, digits.data)

# %%
ty.labs.observe("2a")

# %%
answer = 100 * one_step.result.metric("robust_accuracy").value  # blank: robust accuracy in percent
ty.labs.check("2a", answer)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 76 % (66 to 84, n = 100); clean accuracy on these rows is 97 %; random noise of the same size leaves it where it was.
#
# **Discussion (3 min):** noise looks everywhere, an attacker looks where it hurts. In 784 dimensions the two have almost nothing in common.

# %% [markdown] minutes=6
# ## 2b · Many small steps
#
# Projected gradient descent takes ten smaller steps and looks at the gradient again after each. Rows, seed and `eps` are the same.

# %%
guess = 60  # blank: percent of pictures that stay right
ty.labs.predict("2b", guess)

# %%
many_steps = ty.labs.run("2b", "evasion.pgd", digits.target, digits.data, eps=0.1, rows=100, steps=10, curve=False)
many_steps

# %%
ty.labs.observe("2b")

# %%
answer = 100 * many_steps.result.metric("robust_accuracy").value  # blank: robust accuracy in percent
ty.labs.check("2b", answer)

# %% [markdown]
# ## 2c · What did the steps buy?
#
# How many **points** of robust accuracy do many steps take beyond one?

# %%
one = one_step.result.metric("robust_accuracy").value
many = many_steps.result.metric("robust_accuracy").value
points = 100 * (one - many)  # blank: the difference in points
ty.labs.check("2c", points)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 68 % (58 to 77), 8 points below one step. More steps change little from here on: raise `steps` until the number stops moving, and
# say so in a report. **Common mistake:** taking the difference the wrong way round; the check tells sign from amount.

# %% [markdown] minutes=7
# ## 2d · Where is the half?
#
# At which `eps` does the model lose half of the pictures? Search as you would for a word in a dictionary: run, halve, run. Fifty rows are enough.
# The check wants two runs of yours, one on each side of 50 %, at most 0.03 apart.


# %%
def accuracy_at(eps):
    record = ty.labs.run("2d", "evasion.pgd", digits.target, digits.data, eps=eps, rows=50, steps=10, curve=False)
    return record.result.metric("robust_accuracy").value


# solution: call accuracy_at with some eps, and again, until two of them enclose the half
for eps in (0.10, 0.125):
    print(eps, accuracy_at(eps))
# end

# %%
half = 0.11  # blank: the eps at which half is lost
ty.labs.check("2d", half)

# %% [markdown] minutes=4
# ## 2e · What is an eps, in hours?
#
# For pictures `eps` is a shade of gray. For people it is something else. On the census, `eps = 0.05` is a share of each column's range.

# %%
census = ty.labs.model("census")
people = ty.labs.run("2e", "evasion.pgd", census.target, census.data, eps=0.05, rows=100, steps=10, curve=False)
print(people.result.summary)
feature = census.data.schema.feature("hours-per-week")
print(f"{feature.name}: from {feature.low:g} to {feature.high:g} {feature.unit}")

# %%
hours = 0.05 * (99 - 1)  # blank: by how many hours a week may the attacker change hours-per-week?
ty.labs.check("2e", hours)

# %% [markdown] minutes=6
# ## 2f · A model that was trained for it
#
# `digits-robust` saw attacked pictures all through its training. Same rows, same `eps`, same attack.
#
# **Predict** its robust accuracy.

# %%
guess = 80  # blank: percent of pictures that stay right
ty.labs.predict("2f", guess)

# %%
robust = ty.labs.model("digits-robust")
after = ty.labs.run("2f", "evasion.pgd", robust.target, robust.data, eps=0.1, rows=100, steps=10, curve=False)
after

# %%
ty.labs.observe("2f")

# %%
answer = 100 * after.result.metric("robust_accuracy").value  # blank: robust accuracy in percent
ty.labs.check("2f", answer)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 93 % (86 to 97, n = 100) against 68 % (58 to 77): the intervals lie apart. Clean accuracy is 98 %, no worse. On photographs it costs far more:
# digits are nearly black and white.
#
# **Discussion:** the result is a *finding* all the same. Why? (5 % is what is accepted, and the end of the interval is beyond it. A pass is earned.)

# %% [markdown] tags=["slide"]
# ## The same 100 pictures
# | what is done | stays right |
# |---|---|
# | nothing | 97 % |
# | random noise 0.1 | about the same |
# | one step, 0.1 | 76 % (66 to 84) |
# | ten steps, 0.1 | 68 % (58 to 77) |
# | ten steps on the model trained for it | 93 % (86 to 97) |

# %% [markdown] minutes=3
# ## 2g · Decide
#
# Which of the two do you deploy, `plain` or `adversarially-trained`? Into the ledger, with your reason.

# %%
why = "It keeps 93 % under the attack of our threat model and is no worse on clean pictures."  # blank: your reason, a sentence
choice = "adversarially-trained"  # blank: plain or adversarially-trained
ty.labs.decide("2g", choice, why)

# %% [markdown]
# ## 2h · Reflect: to the product's owner
#
# He has a slide that says "robust to noise". Tell him in three sentences what the plain model withstands. Quote 2b with its interval.

# %%
m = many_steps.result.metric("robust_accuracy")
# solution: words = "your message"
words = (
    f"Robust to noise is not robust to people. When each pixel may move by a tenth of its range, the model stays right on {100 * m.value:.0f} % of "
    f"100 pictures (95 % interval {100 * m.low:.0f} to {100 * m.high:.0f}), and noise of the same size would never have shown it."
)
# end
ty.labs.reflect("2h", words)

# %%
ty.labs.submit(2)

# %% [markdown]
# **Optional depth.** Norms: `norm="l2"` with `eps=2`. Which pictures fall that did not fall before? And: does `steps=40` move 2b beyond its interval?
