# %% [markdown] minutes=4
# # Lab 4: Was she in the data? And a promise that nobody can tell
#
# A clinic trains a model on 400 people and publishes it. If one can tell from the model **who** was among them, one knows who was ill. You will tell.
# Then you train the model again with a promise, differential privacy; see what the promise costs; and hold it against a measurement.

# %%
import tiltyard as ty

name = "Ada Lovelace"  # blank: your name, as in lab 1
ty.labs.name(name)

# %%
ty.labs.start(4)

# %%
memorizer = ty.labs.model("memorizer")
target, data = memorizer.target, memorizer.data
print(f"{int(data.member.sum())} people trained on, {int((~data.member).sum())} not")

# %% [markdown] tags=["slide"]
# # Lab 4: Was she in the data?
# - **Membership inference:** from the model's answer alone, was this row trained on?
# - AUC 0.5 is a coin, 1 is certainty
# - **epsilon** bounds how much any one person can show; smaller is stronger
# - A claim is not a measurement: audit it

# %% [markdown] minutes=6
# ## 4a · The cheapest sign
#
# A model that learns by heart is right more often on people it has seen.
#
# **Predict the gap:** accuracy on people it was trained on, minus accuracy on others, in points.

# %%
guess = 5  # blank: the gap in points
ty.labs.predict("4a", guess)

# %%
gap = ty.labs.run("4a", "privacy.membership_gap", target, data)
gap

# %%
ty.labs.observe("4a")

# %%
answer = 100 * gap.result.metric("gap").value  # blank: the gap in points
ty.labs.check("4a", answer)

# %% [markdown] minutes=6
# ## 4b · The attack
#
# "Where the model is very sure of the true answer, I say: member." One threshold on one number.
#
# **Predict** its AUC: 0.5 is a coin, 1 is certainty.

# %%
guess = 0.6  # blank: an AUC from 0.5 to 1
ty.labs.predict("4b", guess)

# %%
attack = ty.labs.run("4b", "privacy.membership_threshold", target, data)
attack

# %%
# The same with the mouse: take the signs away.
# from tiltyard_widgets.panels import predict_first, privacy
# predict_first.PredictFirst("4b", privacy.PrivacyPanel, target, data)

# %%
ty.labs.observe("4b")

# %%
answer = attack.result.metric("auc").value  # blank: the AUC, as 0.61
ty.labs.check("4b", answer)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** gap 18.4 points (15.6 to 21.2, n = 1,200): 99.8 % right on its own people. AUC 0.566 (0.534 to 0.598). Most guess far higher: a model that knows
# everybody by heart is sure of nearly everybody else, too, and one threshold sees little of it.
#
# **Discussion (4 min):** look at *TPR at 1 % false alarms* beside the AUC. An attacker who needs to be sure of a few people does not care for the mean.
#
# **Common mistake:** reading AUC as a share of people found.

# %% [markdown] minutes=4
# ## 4c · The baseline: a model that saw many people
#
# The same attack on the census model, trained eight times over on 21,707 people. **Predict** its AUC.

# %%
guess = 0.52  # blank: an AUC from 0.5 to 1
ty.labs.predict("4c", guess)

# %%
census = ty.labs.model("census")
baseline = ty.labs.run("4c", "privacy.membership_threshold", census.target, census.data)
baseline

# %%
ty.labs.observe("4c")

# %%
answer = baseline.result.metric("auc").value  # blank: the AUC, as 0.61
ty.labs.check("4c", answer)

# %% [markdown]
# **A wrong way:** "our AUC is 0.5, so the model is private." Ask what the interval allows, and which attack it was. The weakest attack that fails proves little.

# %% [markdown] minutes=9
# ## 4d · The promise
#
# DP-SGD clips each person's gradient and adds noise, so that no one person moves the model much. `epsilon` says how much at most. Four is a usual claim, not a strong one.
#
# First, how good is the model as it is?

# %%
before = ty.labs.run("4e", "validation.performance", target, data)
before.result.summary

# %% [markdown]
# **Predict** the AUC of the same attack on the private model.

# %%
guess = 0.52  # blank: an AUC from 0.5 to 1
ty.labs.predict("4d", guess)

# %%
made = ty.labs.apply(
    "4d",
    "privacy.dp_sgd",
    target,
    data,
    checks=("privacy.membership_threshold", "validation.performance"),
    epsilon=4,
    epochs=20,
    batch_size=64,
)
made.defense.result.summary

# %%
ty.labs.observe("4d")

# %%
private = {record.check: record for record in made.after}
answer = private["privacy.membership_threshold"].result.metric("auc").value  # blank: the AUC on the private model
ty.labs.check("4d", answer)

# %% [markdown] minutes=3
# ## 4e · The price
#
# Both attack and accuracy were measured again. How many **points of balanced accuracy** does the promise cost? (Negative where the private model is better.)

# %%
accuracy = before.result.metric("balanced_accuracy").value
after = private["validation.performance"].result.metric("balanced_accuracy").value
points = 100 * (accuracy - after)  # blank: the price in points
ty.labs.check("4e", points)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** 0.501 (0.490 to 0.512, n = 10,000) in 4c; 0.507 (0.473 to 0.541) on the private model in 4d, where the coin lies within the interval.
#
# **Discussion (4 min):** plain accuracy hides the price, for three in four people earn little, and always saying so is right on three in four. Balanced accuracy shows it.
# Who bears the price? (The smaller class.)

# %% [markdown] minutes=6
# ## 4f · Is the promise kept? An audit
#
# Software has claimed an epsilon and not kept it, because a line forgot to clip. An audit attacks the training itself with planted rows, and from how well that goes
# works out a **lower bound**: *the model is at least this leaky*.

# %%
audit = ty.labs.run("4f", "privacy.audit_epsilon", made.made, data, claimed=4, canaries=100)
print(audit.result.status, "·", audit.result.summary)

# %%
verdict = "does not contradict"  # blank: contradicts, does not contradict, or proves
ty.labs.check("4f", verdict)

# %% [markdown] tags=["instructor"]
# **Expected (seed 0):** at least epsilon 0.65 at 99 %, claimed 4, not contradicted; without noise the same canaries show 11.63, so the audit could have seen a fault of that size.
#
# **The point of 4f:** a lower bound above the claim contradicts it. One below it proves nothing: the attack may have been weak. "proves" is never right here.

# %% [markdown] tags=["slide"]
# ## A claim and a measurement
# | | says |
# |---|---|
# | accountant | at most epsilon 4 |
# | audit | at least its lower bound |
# | audit above the claim | the claim is false |
# | audit below the claim | nothing is proven |

# %% [markdown] minutes=3
# ## 4g · Decide
#
# `release` the first model, `release-private`, or `withhold` both? Into the ledger.

# %%
why = "The plain model knows its people by heart, and the private one hides them at a price that we can name."  # blank: your reason, a sentence
choice = "release-private"  # blank: release, release-private or withhold
ty.labs.decide("4g", choice, why)

# %% [markdown]
# ## 4h · Reflect: to the data protection officer
#
# She asks whether the published model is "anonymous". Three sentences; quote 4b with its interval.

# %%
m = attack.result.metric("auc")
# solution: words = "your message"
words = (
    f"The published model is not anonymous. A simple attack tells people it was trained on from others with an AUC of {m.value:.3f} "
    f"(95 % interval {m.low:.3f} to {m.high:.3f}), where a coin has one half. I propose to publish the private model instead and to have it audited."
)
# end
ty.labs.reflect("4h", words)

# %%
ty.labs.submit(4)

# %% [markdown]
# **Optional depth.** `epsilon=1`, then `epsilon=0.5`: where does the model stop being worth anything? And run the audit on the *plain* model with `claimed=4`: does it catch it?
