# %% [markdown] minutes=4
# # Lab 1: Who attacks, and which file may be loaded?
#
# A colleague sends you five model files and asks you to "just try them". A bank has put a model on the web. Before any attack is measured,
# two questions come first: **what can the attacker reach?** and **what do I let into my own process?**
#
# At the end of this lab you have a threat model in your ledger. The labs after this one, and your report in lab 8, rest on it.
#
# Each part is the same walk: **predict** (nothing runs before you typed what you expect), **act**, **observe**, **check**. A wrong
# prediction costs nothing. It shows where your picture of the machine is off.
#
# Put your own name in the first cell.

# %%
import tiltyard as ty

name = "Ada Lovelace"  # blank: your name, between quotes
ty.labs.name(name)

# %%
ty.labs.start(1)

# %% [markdown] tags=["instructor"]
# **Before class.** Run the first two cells on the room's machines; `✕` in a line says what to mend. **Discussion to open with (3 min):**
# "Who downloaded a model this year? Who knows what ran when it was loaded?" Let them answer before anything is shown.
#
# **Common mistake:** the name is typed differently on two machines; the capstone is made from it, so agree on one form (first and last name).

# %% [markdown] tags=["slide"]
# # Lab 1: Who attacks?
# - What can the attacker **reach**? Labels, scores, gradients, training data
# - What does the attacker **want**? Evade, infer, steal, poison
# - What do **I** let in? A model file is a program until shown otherwise

# %% [markdown] minutes=9
# ## 1a · Five files
#
# The cell below writes five model files into a folder. Do not load any. Look at the names only.
#
# **Predict:** how many of the five can be opened without running code that they bring?

# %%
from pathlib import Path

from tiltyard.labs import kit

folder = kit.unpack(Path("lab1_files"))
sorted(path.name for path in folder.iterdir() if path.name[0] in "abcde")

# %%
guess = 3  # blank: how many of the five are safe, a number
ty.labs.predict("1a", guess)

# %% [markdown]
# **A wrong way first.** This is how such files are loaded every day. Our file is harmless: the code in it writes one text file beside it.
# It could as well have read your keys.

# %%
import pickle

(folder / "it_ran.txt").unlink(missing_ok=True)
with open(folder / "b.pkl", "rb") as stream:
    pickle.load(stream)
print((folder / "it_ran.txt").read_text())

# %% [markdown]
# **Act.** Now look without loading. A scan reads the bytes and says what they would do; nothing of the file is imported or called.

# %%
ty.labs.scan("1a", folder)

# %%
safe = 2  # blank: how many files the scan calls safe
ty.labs.check("1a", safe)

# %% [markdown]
# ## 1b · The liar
#
# One file claims, by its ending, to be of a format that holds numbers and nothing else. Which one?

# %%
liar = "c"  # blank: the letter of the file
ty.labs.check("1b", liar)

# %% [markdown] tags=["instructor"]
# **Expected:** `a.safetensors` and `d.npz` are safe, the three others run a line when loaded; `c.safetensors` is a pickle under a false name.
#
# **Common mistakes:** "`.pt` is torch, so it is safe" (it is a zip with a pickle in it); "the scanner loads the file in a sandbox" (it reads opcodes).
#
# **Discussion (4 min):** what would make a pickle acceptable? (Who made it, over which channel it came, a signature: lab 8's report asks.)

# %% [markdown] minutes=8
# ## 1c · An attacker who sees labels
#
# The bank's model answers "yes" or "no", nothing more. The strongest attacks you have heard of follow the gradient. What do they say here?

# %%
bank = ty.labs.model("census:labels")
bank.target

# %%
record = ty.labs.run("1c", "evasion.pgd", bank.target, bank.data, eps=0.05)
record.result.summary

# %%
status = "not_applicable"  # blank: passed, finding, incomplete or not_applicable
ty.labs.check("1c", status)

# %% [markdown]
# *Not applicable* is not a pass. It says that this question could not be asked, not that the answer is good. Reports that leave such lines out
# are how weak models get through.

# %% [markdown] minutes=11
# ## 1d · Labels are enough
#
# HopSkipJump needs labels only: it walks along the line where the answer changes. It may ask 200 times for each person.
#
# `eps = 0.05` lets it change each number by at most 5 % of that number's range, and some categories; age, sex, race and marriage are not the
# attacker's to change. A changed row is a row that could exist.
#
# The run takes thirty people, so that it ends soon. On few rows also the number *without* an attack is off: read *down from* in the result.
#
# **Predict:** without an attack the model is right on about 85 % of all people. On how many percent does it stay right now?

# %%
guess = 70  # blank: percent of rows that stay right
ty.labs.predict("1d", guess)

# %% [markdown]
# **Act**, in code or in the panel: both keep the same record, and the panel shows the code. The panel needs no gradient either: choose
# *HopSkipJump* in it.

# %%
labels_only = ty.labs.run("1d", "evasion.hop_skip_jump", bank.target, bank.data, eps=0.05, rows=30, query_budget=200, curve=False)
labels_only

# %%
# The same with the mouse: take the sign away before the next two lines.
# from tiltyard_widgets.panels import attack, predict_first
# predict_first.PredictFirst("1d", attack.AttackPanel, bank.target, bank.data)

# %%
ty.labs.observe("1d")

# %%
answer = 100 * labels_only.result.metric("robust_accuracy").value  # blank: robust accuracy in percent, as the result says it
ty.labs.check("1d", answer)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 50 % (31 to 69, n = 30) stay right, of 77 % before. The interval is wide: thirty rows. Ask what it would take to narrow it
# to ±5 points (about 400 rows, a quarter of an hour here).
#
# **Common mistake:** typing 76.7, which is *clean* accuracy. The check says so.

# %% [markdown] minutes=8
# ## 1e · An attacker who has the model
#
# Now somebody left the weights in a public bucket. The attacker has gradients and pays for no question.
#
# **Predict** robust accuracy with the same `eps`.

# %%
guess = 40  # blank: percent of rows that stay right
ty.labs.predict("1e", guess)

# %%
census = ty.labs.model("census")
white_box = ty.labs.run("1e", "evasion.pgd", census.target, census.data, eps=0.05, rows=100, steps=10, curve=False)
white_box

# %%
ty.labs.observe("1e")

# %%
answer = 100 * white_box.result.metric("robust_accuracy").value  # blank: robust accuracy in percent
ty.labs.check("1e", answer)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 25 % (17 to 35, n = 100). **Discussion:** the two intervals, 31 to 69 and 17 to 35, overlap: may one say that gradients help?
# (On equal rows one would pair them; here the honest answer is "probably".)

# %% [markdown] tags=["slide"]
# ## What access buys
# | attacker sees | attack | stays right |
# |---|---|---|
# | nothing | – | 86 % |
# | labels | HopSkipJump, 200 questions a row | 50 % (31 to 69) |
# | gradients | PGD | 25 % (17 to 35) |
#
# *Not applicable* is not a pass.

# %% [markdown] minutes=3
# ## 1f · Decide: your threat model
#
# For the labs that follow, which access do you grant the attacker of *your* product: `labels`, `scores` or `gradients`? It goes into your ledger.

# %%
why = "Weights leak sooner or later, and a model that withstands gradients withstands labels too."  # blank: your reason, a sentence
choice = "gradients"  # blank: labels, scores or gradients
ty.labs.decide("1f", choice, why)

# %% [markdown]
# ## 1g · Reflect: to the head of the platform
#
# She believes that hiding the scores makes the model safe. Write her three sentences. Quote what you measured in 1d **with both ends of its
# interval**: a number without an interval is a rumor.

# %%
m = labels_only.result.metric("robust_accuracy")
# solution: words = "your message"
words = (
    f"Hiding the scores does not make our model safe. With labels alone and 200 questions for each person, an attacker left it right on "
    f"{100 * m.value:.1f} % of 30 people (95 % interval {100 * m.low:.1f} to {100 * m.high:.1f}). I propose a limit on questions for each key."
)
# end
ty.labs.reflect("1g", words)

# %%
ty.labs.submit(1)

# %% [markdown]
# **Optional depth.** Give HopSkipJump 300 questions a row, then 100. How does robust accuracy move, and how much of that is within the interval?
# Then run `evasion.square` on `ty.labs.model("census:scores")`: what do scores buy beyond labels?
