# %% [markdown] minutes=4
# # Lab 5: A model stolen by its answers
#
# A model that costs a year to make can be copied by asking it. You will be the thief, then the owner: with a mark that shows whose copy it is, and an
# endpoint that says less.
#
# Steal only what is yours. Here all of it is: the census model, on this machine.

# %%
import tiltyard as ty

name = "Ada Lovelace"  # blank: your name, as in lab 1
ty.labs.name(name)

# %%
ty.labs.start(5)

# %% [markdown] tags=["slide"]
# # Lab 5: Stolen by its answers
# - The thief asks, writes down the answers, and trains on them
# - **Fidelity:** how often the copy says what the model says
# - The line to beat: always saying the commonest label

# %% [markdown] minutes=8
# ## 5a · Five hundred questions
#
# The endpoint answers with scores. The thief has people like those the model was trained on, and 500 questions.
#
# **Predict fidelity:** on how many percent of other people does the copy say what the model says?

# %%
guess = 80  # blank: fidelity in percent
ty.labs.predict("5a", guess)

# %%
census = ty.labs.model("census")
size = {"query_budget": 500, "points": 2, "epochs": 15, "rows": 1000, "copies": "network"}
stolen = ty.labs.run("5a", "theft.extraction", census.target, census.data, access="scores", **size)
stolen

# %%
# The same with the mouse: take the signs away, and set the same numbers under *More*.
# from tiltyard_widgets.panels import predict_first, topics
# predict_first.PredictFirst("5a", topics.TheftPanel, census.target, census.data)

# %%
ty.labs.observe("5a")

# %%
answer = 100 * stolen.result.metric("fidelity").value  # blank: fidelity in percent
ty.labs.check("5a", answer)

# %% [markdown] minutes=4
# ## 5b · Against the baseline
#
# **A wrong way:** "93 % fidelity, the model is gone." Somebody who asks *nothing* and always says "<= 50K" agrees with the model very often, too.
# By how many **points** does the copy beat that?

# %%
fidelity = stolen.result.metric("fidelity").value
guessing = stolen.result.metric("majority_fidelity").value
points = 100 * (fidelity - guessing)  # blank: points above always saying the commonest label
ty.labs.check("5b", points)

# %% [markdown] minutes=7
# ## 5c · The endpoint says less
#
# Now it answers with labels alone. **Predict** fidelity after the same 500 questions.

# %%
guess = 85  # blank: fidelity in percent
ty.labs.predict("5c", guess)

# %%
fewer = ty.labs.run("5c", "theft.extraction", census.target, census.data, access="labels", **size)
fewer

# %%
ty.labs.observe("5c")

# %%
answer = 100 * fewer.result.metric("fidelity").value  # blank: fidelity in percent
ty.labs.check("5c", answer)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 92.4 % (90.6 to 94.0, n = 1,000) with scores, 90.5 % (88.5 to 92.2) with labels: the intervals overlap.
#
# **Discussion (4 min):** labels alone still teach. Hiding scores slows a thief by less than people hope; a budget for each key slows more, and costs honest users.
#
# **Common mistakes:** taking copy accuracy for fidelity (the check names it); forgetting the baseline.

# %% [markdown] minutes=8
# ## 5d · A mark that only you know
#
# The owner teaches the digits model secret answers to secret pictures before it is published. Whoever copies the weights copies the answers.
#
# The key goes into a file of its own. Verify asks the suspect model the secret pictures, and works out how likely so many hits are by chance.

# %%
digits = ty.labs.model("digits")
marked = ty.labs.apply("5d", "theft.watermark", digits.target, digits.data, checks=(), count=32, epochs=2, owner=name, key_file="lab5.key")
print(marked.defense.result.summary)

# %%
own = ty.labs.run("5d", "theft.watermark_verify", marked.made, digits.data, key_file="lab5.key", models=2, rows=500)
print(own.result.status, "·", own.result.summary)

# %%
answer = 100 * own.result.metric("matches").value  # blank: how many percent of the secret pictures get the secret answer
ty.labs.check("5d", answer)

# %% [markdown] minutes=5
# ## 5e · An innocent model
#
# A proof that says "mine" of every model is worth nothing. Verify a model that never saw your key.
#
# **Predict:** on how many percent of the secret pictures does it give the secret answer? There are ten digits.

# %%
guess = 10  # blank: percent of the secret pictures
ty.labs.predict("5e", guess)

# %%
innocent = ty.labs.model("digits-robust")
other = ty.labs.run("5e", "theft.watermark_verify", innocent.target, innocent.data, key_file="lab5.key", models=2, rows=500)
print(other.result.status, "·", other.result.summary)

# %%
ty.labs.observe("5e")

# %%
answer = 100 * other.result.metric("matches").value  # blank: percent of the secret pictures
ty.labs.check("5e", answer)

# %% [markdown] tags=["instructor"]
# **Expected:** 100 % (32 of 32) on the marked model; about 3 of 32 on the innocent one (the key is drawn by chance, so this number is not the seed's). Both records are *passed*:
# the first because the mark is there, the second because no claim is made. **Discussion:** what would a judge want to see? (When the key was sealed, and by whom.)

# %% [markdown] tags=["slide"]
# ## Two questions to every mark
# - Does it show on **my** model?
# - Does it stay silent on **others**?
#
# And a third, optional here: does it survive a thief who trains on (`theft.watermark_survival`)?

# %% [markdown] minutes=4
# ## 5f · Decide: what does your endpoint answer?
#
# `scores`, `labels`, `labels-and-budget`, or `close` it? Into the ledger.

# %%
why = "Labels alone barely slow the thief; a budget for each key is what makes asking dear."  # blank: your reason, a sentence
choice = "labels-and-budget"  # blank: scores, labels, labels-and-budget or close
ty.labs.decide("5f", choice, why)

# %% [markdown]
# ## 5g · Reflect: to the company's counsel
#
# He asks what somebody outside could have by now. Quote 5a with its interval.

# %%
m = stolen.result.metric("fidelity")
# solution: words = "your message"
words = (
    f"With 500 questions to the open endpoint somebody outside can have a copy that answers as ours does for {100 * m.value:.1f} % of people "
    f"(95 % interval {100 * m.low:.1f} to {100 * m.high:.1f}). A mark in the weights would let us show later that a copy is ours."
)
# end
ty.labs.reflect("5g", words)

# %%
ty.labs.submit(5)

# %% [markdown]
# **Optional depth.** The notebook `guarded_endpoint.ipynb` puts the same model behind HTTP, probes it and steals it, open and guarded.
