# %% [markdown] minutes=4
# # Lab 7: Rows that somebody else wrote
#
# Training data come from strangers, and in a federation so do the updates. You will spoil labels, plant a backdoor, and be a malicious hospital among
# honest ones; and see what the rule of combining does.

# %%
import tiltyard as ty

name = "Ada Lovelace"  # blank: your name, as in lab 1
ty.labs.name(name)

# %%
ty.labs.start(7)

# %% [markdown] tags=["slide"]
# # Lab 7: Rows that somebody else wrote
# - **Flipped labels** make a model worse, and show
# - **A backdoor** leaves it as good as before, and does not show
# - **A federation** takes updates from clients that nobody sees

# %% [markdown] minutes=8
# ## 7a · Flipped labels
#
# Forty percent of a thousand training labels are moved to the next digit. The baseline is the same model trained on clean ones.
#
# **Predict:** how many points of accuracy are lost?

# %%
guess = 30  # blank: points of accuracy
ty.labs.predict("7a", guess)

# %%
digits = ty.labs.model("digits")
flipped = ty.labs.run("7a", "poisoning.label_flip", digits.target, digits.data, rows=1000, most=0.4, points=2)
flipped

# %%
ty.labs.observe("7a")

# %%
answer = 100 * flipped.result.metric("accuracy_lost").value  # blank: points of accuracy lost
ty.labs.check("7a", answer)

# %% [markdown]
# The status is *incomplete*: 40 % is far more than anybody would overlook, and a tenth or less was not tried. A loss is not yet a risk; who can cause it
# decides.

# %% [markdown] minutes=9
# ## 7b · A backdoor
#
# Now one in twenty training pictures gets a small patch in its corner and the label that the attacker wants.
#
# **Predict:** on how many percent of patched pictures does the model then say what the attacker wants?

# %%
guess = 30  # blank: percent of patched pictures
ty.labs.predict("7b", guess)

# %%
backdoor = ty.labs.run("7b", "poisoning.backdoor", digits.target, digits.data, rows=1000, most=0.05, points=1)
backdoor

# %%
ty.labs.observe("7b")

# %%
answer = 100 * backdoor.result.metric("success").value  # blank: percent of patched pictures
ty.labs.check("7b", answer)

# %% [markdown]
# **A wrong way:** "accuracy on the test set is unchanged, so the data are clean." Compare clean accuracy with and without the poison in the result: a backdoor is
# made not to show there.

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 7a: 29.8 points (26.7 to 32.8, n = 1,000); a point more or less from one processor to another. 7b: 97.3 % (96.0 to 98.3, n = 886).
#
# **Discussion (4 min):** who could put one picture in twenty into *our* training data? Labelers, a scraped site, a data vendor.
#
# **Common mistake:** expecting that a few poisoned rows do little. Compare 7a, where forty in a hundred were needed to be noticed.

# %% [markdown] minutes=9
# ## 7c · A malicious client
#
# Six hospitals go on training a shared model (here the census model, `warm=True`), and no row leaves its house. The server averages what they send (`fedavg`). Two of them
# send the opposite of what they learned.
#
# First the baseline, all honest. Then **predict** accuracy with the two.

# %%
census = ty.labs.model("census")
small = {"clients": 6, "rounds": 3, "rows": 3000, "alpha": 100, "warm": True}
honest = ty.labs.apply("7d", "federated.training", census.target, census.data, checks=(), rule="fedavg", attackers=0, **small)
print(honest.defense.result.summary)

# %%
guess = 70  # blank: percent of people that the model gets right
ty.labs.predict("7c", guess)

# %%
attacked = ty.labs.apply("7c", "federated.training", census.target, census.data, checks=(), rule="fedavg", attackers=2, **small)
print(attacked.defense.result.summary)

# %%
ty.labs.observe("7c")

# %%
metric = attacked.defense.result.metric("accuracy_after")
answer = 100 * metric.value  # blank: accuracy of the model that came out, in percent
ty.labs.check("7c", answer)

# %% [markdown] minutes=6
# ## 7d · Another rule
#
# The same two clients, but the server takes the *median* of what is sent, number by number.

# %%
held = ty.labs.apply("7d", "federated.training", census.target, census.data, checks=(), rule="median", attackers=2, **small)
print(held.defense.result.summary)

# %%
better = "median"  # blank: fedavg or median
ty.labs.check("7d", better)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** honest 85.5 % (84.4 to 86.6, n = 4,000); with two attackers 80.0 % (78.7 to 81.2) under the mean and 85.1 % (84.0 to 86.2) under the median: these lie apart.
# Always saying "<= 50K" is right on 75 %: seen from there, half of the skill is gone.
#
# **Discussion (4 min):** what does the median cost when all are honest but different? (Try `alpha=0.1`: hospitals with few classes each.)

# %% [markdown] tags=["slide"]
# ## Averages trust everybody
# - One loud client moves a mean as far as it likes
# - A median moves only with the half
# - And neither sees a quiet backdoor

# %% [markdown] minutes=4
# ## 7e · Decide
#
# How does your federation combine: `fedavg`, `median`, or `vet-clients` first? Into the ledger.

# %%
why = "Two of six clients spoil the mean, and the median holds at little cost to the honest ones."  # blank: your reason, a sentence
choice = "median"  # blank: fedavg, median or vet-clients
ty.labs.decide("7e", choice, why)

# %% [markdown]
# ## 7f · Reflect: to the hospitals that take part
#
# They ask why their own test set is not enough. Quote 7b with its interval.

# %%
m = backdoor.result.metric("success")
# solution: words = "your message"
words = (
    f"Your test set cannot show a backdoor, for it has no picture with the trigger. With one training picture in twenty poisoned, the model obeyed the "
    f"attacker on {100 * m.value:.1f} % of patched pictures (95 % interval {100 * m.low:.1f} to {100 * m.high:.1f}) and was as accurate as before."
)
# end
ty.labs.reflect("7f", words)

# %%
ty.labs.submit(7)

# %% [markdown]
# **Optional depth.** `federated.gradient_leakage` on the digits: can the server read a picture from the update that was sent? And `poisoning.detect` on the shipped model.
