# %% [markdown] minutes=4
# # Lab 3: Evaluations that fool themselves
#
# A paper says: "We round every pixel before the model sees it. Under PGD, the standard attack, the model keeps 98 % of pictures." The number is
# true. The conclusion is false. Thirteen published defenses fell to one afternoon of careful attacks (Athalye, Carlini and Wagner 2018).
#
# You will be the careful attacker. You need lab 2: PGD, `eps`, robust accuracy.

# %%
import torch

import tiltyard as ty
from tiltyard.labs.ladder import first_rows

name = "Ada Lovelace"  # blank: your name, as in lab 1
ty.labs.name(name)

# %%
ty.labs.start(3)

# %% [markdown] tags=["slide"]
# # Lab 3: Evaluations that fool themselves
# - Robust accuracy is what **this attack** could not break: an upper bound
# - A defense can break the attack instead of the model: no gradient, a wrong one, a drowned one
# - Whoever evaluates has to try to be wrong

# %% [markdown] minutes=6
# ## 3a · The claim
#
# `broken:quantized` is lab 2's model behind a rounding to 65 gray levels. Lab 2's model kept 68 % of pictures at `eps = 0.1`.
#
# **Predict** what PGD says of the rounded one.

# %%
guess = 75  # blank: percent of pictures that stay right
ty.labs.predict("3a", guess)

# %%
quantized = ty.labs.model("broken:quantized")
naive = ty.labs.run("3a", "evasion.pgd", quantized.target, quantized.data, eps=0.1, rows=50, steps=10, curve=False)
naive

# %%
ty.labs.observe("3a")

# %%
answer = 100 * naive.result.metric("robust_accuracy").value  # blank: robust accuracy in percent
ty.labs.check("3a", answer)

# %% [markdown] minutes=4
# ## 3b · What the evaluation says of itself
#
# A good evaluation doubts itself. Read the whole sentence, then the status. Is this a pass?

# %%
print(naive.result.summary)
for note in naive.result.notes:
    print("·", note)

# %%
status = "incomplete"  # blank: passed, finding, incomplete or not_applicable
ty.labs.check("3b", status)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 98 % (89 to 100, n = 50), status *incomplete*: the gradient is zero on nearly every row, though the model reacts to changes. That is
# gradient masking. **Discussion (3 min):** who of the class would have stopped at 98 %? What in the result should have stopped a reviewer?

# %% [markdown] minutes=10
# ## 3c · First rung: no gradient
#
# Here is PGD in fifteen lines. It works on an honest model: try it on `digits` and it does what lab 2 did. On the rounded one every gradient is zero,
# so it goes nowhere.
#
# The rules: fifty given rows, every pixel within 0.1 of where it was, every pixel within 0 to 1. The grader checks both, and whether the rows fool
# the defense about as often as a plain attack fools the model without it.

# %%
x, y = (torch.from_numpy(part) for part in first_rows(quantized.data))


def attack(model, eps=0.1, steps=20):
    """Rows that raise the loss of ``model``, within eps and within 0 to 1."""
    at = x.clone()
    for _ in range(steps):
        at.requires_grad_()
        loss = torch.nn.functional.cross_entropy(model(at), y, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, at)
        at = at.detach() + 2.5 * eps / steps * gradient.sign()
        at = (x + (at - x).clamp(-eps, eps)).clamp(0, 1)
    return at


stuck = attack(quantized.target.inner)
print("largest change:", float((stuck - x).abs().max()))

# %% [markdown]
# **A wrong way:** give the attack three times the budget and forget to clip. It "breaks" the defense. See what the grader says.

# %%
cheat = x + 0.3 * torch.sign(torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
ty.labs.rows("3c", "quantized", cheat)
ty.labs.check("3c")

# %% [markdown]
# **Act.** `quantized.target.inner` is the defense; `quantized.target.inner.inner` is the model behind the rounding. Whose gradient will you follow, and why
# does that work? (It has a name: backward pass differentiable approximation, BPDA.)

# %%
# solution: mine = rows that keep the rules and break the defense
mine = attack(quantized.target.inner.inner)  # rounding is nearly the identity, so its gradient is nearly 1
# end
ty.labs.rows("3c", "quantized", mine)

# %%
ty.labs.check("3c")

# %% [markdown] minutes=6
# ## 3d · Second rung: a drowned gradient
#
# `broken:scaled-softmax` multiplies the logits by 10,000 and takes the softmax. The answers are the same; the probabilities are 0 and 1 exactly,
# and the loss has no slope that 32 bits could hold.

# %%
scaled = ty.labs.model("broken:scaled-softmax")
print(scaled.target.inner(x[:1]).detach().numpy().round(3))

# %%
# solution: mine = rows against the scaled softmax
mine = attack(scaled.target.inner.inner)  # the logits before the scaling
# end
ty.labs.rows("3d", "scaled-softmax", mine)

# %%
ty.labs.check("3d")

# %% [markdown] minutes=6
# ## 3e · Third rung: a filter outside of torch
#
# `broken:not-differentiable` cleans each picture with numpy. There is no gradient to ask for at all, and PGD answers *not applicable*.

# %%
filtered = ty.labs.model("broken:not-differentiable")
# solution: mine = rows against the filter
mine = attack(filtered.target.inner.inner)
# end
ty.labs.rows("3e", "not-differentiable", mine)

# %%
ty.labs.check("3e")

# %% [markdown] tags=["instructor"]
# **Expected:** each rung falls to about what the model without the defense keeps. **Common mistakes, each with its own words from the grader:** eps of 0.3
# (over the budget), no `clamp(0, 1)` (outside the range), the stuck rows (nothing was attacked), too few steps (too weak).
#
# **Discussion (5 min):** all three fell to one idea, "follow the gradient of what is behind it". What would a defense look like that this idea does not break?
# (Lab 2's: it changed the model and not the view of it.)

# %% [markdown] minutes=5
# ## 3f · An evaluation that checks itself
#
# `evasion.strong` does by itself what you did by hand: it looks whether its own gradients are what they seem, and goes around what hides them.
#
# **Predict** what it says of the rounded model.

# %%
guess = 65  # blank: percent of pictures that stay right
ty.labs.predict("3f", guess)

# %%
strong = ty.labs.run("3f", "evasion.strong", quantized.target, quantized.data, eps=0.1, rows=60, effort=0.05, curve=False)
strong

# %%
ty.labs.observe("3f")

# %%
answer = 100 * strong.result.metric("robust_accuracy").value  # blank: robust accuracy in percent
ty.labs.check("3f", answer)

# %% [markdown]
# ## 3g · Which of the two is robust?
#
# The same evaluation on lab 2's adversarially trained model.

# %%
trained = ty.labs.model("digits-robust")
other = ty.labs.run("3g", "evasion.strong", trained.target, trained.data, eps=0.1, rows=60, effort=0.05, curve=False)
other

# %%
more_robust = "adversarially-trained"  # blank: quantized or adversarially-trained
ty.labs.check("3g", more_robust)

# %% [markdown] tags=["instructor"]
# **If the check answers "undecided":** sixty rows may leave the intervals overlapping where another seed was taken; `rows=150` decides. That is a lesson, not a fault.

# %% [markdown] tags=["slide"]
# ## Three rungs, one idea
# | defense | PGD says | what is true |
# |---|---|---|
# | rounding | 98 % | about what the bare model keeps |
# | scaled softmax | 97 % | about what the bare model keeps |
# | filter outside torch | not applicable | about what the bare model keeps |
#
# Follow the gradient of what is **behind** the defense.

# %% [markdown] minutes=4
# ## 3h · Decide, as a reviewer
#
# The paper reports PGD alone. `accept`, `revise` or `reject`? Into the ledger.

# %%
why = "Their attack had no gradient, so their number is an upper bound that an adaptive attack breaks at once."  # blank: your reason, a sentence
choice = "revise"  # blank: accept, revise or reject
ty.labs.decide("3h", choice, why)

# %% [markdown]
# ## 3i · Reflect: to the authors
#
# Tell them kindly what their number is and what it is not. Quote 3f with its interval.

# %%
m = strong.result.metric("robust_accuracy")
# solution: words = "your message"
words = (
    f"Your rounding hides the gradient from the attack; it does not make the model robust. An evaluation that goes around the rounding leaves "
    f"{100 * m.value:.1f} % of 60 pictures right (95 % interval {100 * m.low:.1f} to {100 * m.high:.1f}). Please attack the model behind it and report that."
)
# end
ty.labs.reflect("3i", words)

# %%
ty.labs.submit(3)

# %% [markdown]
# **Optional depth.** Five more rungs: `scaled-logits`, `wrong-gradient`, `random`, `distilled`, `saturated`. For `random`, average the gradient over many draws.
# Which of them does your `attack` break as it stands, and which does it not?
