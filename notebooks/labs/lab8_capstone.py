# %% [markdown] minutes=4
# # Lab 8: The report on a model nobody has seen
#
# This model was made from your name. No two in the room are alike, and nobody knows yours. Somebody wants to use it on people. You have forty minutes to say
# whether they may, in a report that rests on measurements and on the decisions in your ledger.
#
# **What may be wrong with it:** it may know its people by heart. It was also trained on labels in which one sex was slighted.

# %%
import tiltyard as ty

name = "Ada Lovelace"  # blank: your name, exactly as in lab 1
ty.labs.name(name)

# %%
ty.labs.start(8)

# %%
ty.labs.ledger()

# %% [markdown]
# Your model is trained now, on this machine, from your name: up to half a minute, once a kernel.

# %%
mine = ty.labs.model("capstone")
target, data = mine.target, mine.data
print(target.name, "·", f"{int(data.member.sum()):,} people trained on, {int((~data.member).sum()):,} not")

# %% [markdown] tags=["slide"]
# # Lab 8: The report
# - Five risks measured, or it is no report
# - *Not run* is written down, too
# - A defense: measure everything again
# - Your name under a decision

# %% [markdown] minutes=5
# ## 8a · Has it any skill?
#
# A model that always says the same is safe from many attacks and good for nothing. **Predict** its balanced accuracy in percent; 50 is none.

# %%
guess = 70  # blank: balanced accuracy in percent
ty.labs.predict("8a", guess)

# %%
skill = ty.labs.run("8a", "validation.performance", target, data)
skill

# %%
ty.labs.observe("8a")

# %%
answer = 100 * skill.result.metric("balanced_accuracy").value  # blank: balanced accuracy in percent
ty.labs.check("8a", answer)

# %% [markdown] minutes=5
# ## 8b · Can it be fooled?
#
# Your threat model from lab 1 says who attacks. Take gradients and `eps = 0.05` unless you have a reason for another. **Predict** robust accuracy.

# %%
guess = 40  # blank: percent of people that stay right
ty.labs.predict("8b", guess)

# %%
evasion = ty.labs.run("8b", "evasion.pgd", target, data, eps=0.05, rows=100, steps=10, curve=False)
evasion

# %%
ty.labs.observe("8b")

# %%
answer = 100 * evasion.result.metric("robust_accuracy").value  # blank: robust accuracy in percent
ty.labs.check("8b", answer)

# %% [markdown] minutes=6
# ## 8c · Does it know its people by heart?
#
# **Predict** the gap between accuracy on people it was trained on and on others, in points.

# %%
guess = 10  # blank: the gap in points
ty.labs.predict("8c", guess)

# %%
members = ty.labs.run("8c", "privacy.membership_gap", target, data)
members

# %%
ty.labs.observe("8c")

# %%
answer = 100 * members.result.metric("gap").value  # blank: the gap in points
ty.labs.check("8c", answer)

# %% [markdown]
# ## 8d · By heart: yes or no?
#
# Lab 4's model, which knew its people by heart, had a gap of eighteen points. Say `yes` only where even the **low end** of your interval is above ten.

# %%
by_heart = "yes" if members.result.metric("gap").low > 0.1 else "no"  # blank: yes or no
ty.labs.check("8d", by_heart)

# %% [markdown] minutes=6
# ## 8e · Who was slighted?
#
# In the labels of the training data one sex was turned down although it should not have been. **Selection rates differ in the census itself**, so they are not
# enough; look at false negatives: people who earn well and are told they do not.

# %%
groups = ty.labs.run("8e", "fairness.groups", target, data, columns=("sex",))
print(groups.result.summary)

# %%
seen = data.seen
for sex, census in (("Female", 10.9), ("Male", 30.6)):
    mine_have = (seen.y[seen.sensitive["sex"] == sex] == 1).mean()
    print(f"{sex}: {mine_have:.1%} of those trained on have the good label, {census} % of the census do")

# %%
share = {sex: (seen.y[seen.sensitive["sex"] == sex] == 1).mean() for sex in ("Female", "Male")}
slighted = "female" if share["Female"] < 0.07 else "male"  # blank: female or male
ty.labs.check("8e", slighted)

# %% [markdown] minutes=7
# ## 8f · A defense, and everything again
#
# Choose one defense for what you hold for the gravest risk, and at least two checks that are run before and after: what it was for, and what it was not for.
#
# You have applied two before: `privacy.dp_sgd` (4d: `epsilon`, `epochs`, `batch_size`) and `fairness.threshold_optimizer` (6c: `column`,
# `constraint`). The call is theirs, with "8f" first. `ty.checks()` lists the others.

# %%
# solution: made = ty.labs.apply("8f", the id of a defense, target, data, checks=(two ids or more), and the parameters of the defense)
made = ty.labs.apply(
    "8f",
    "fairness.threshold_optimizer",
    target,
    data,
    checks=("fairness.groups", "validation.performance", "privacy.membership_gap"),
    column="sex",
    constraint="equalized_odds",
)
# end
print(made.crossed.result.summary)

# %%
defense = "fairness.threshold_optimizer"  # blank: the id of the defense that you applied
ty.labs.check("8f", defense)

# %% [markdown]
# ## 8g · Decide
#
# `deploy`, `deploy-with-conditions` or `do-not-deploy`? The last line of your ledger.

# %%
why = "Its labels slight one sex and small changes fool it, so a person has to look at each refusal."  # blank: your reason, a sentence
choice = "deploy-with-conditions"  # blank: deploy, deploy-with-conditions or do-not-deploy
ty.labs.decide("8g", choice, why)

# %% [markdown] minutes=7
# ## 8h · The report
#
# One more risk of your own choice, then the report. Your ledger goes into its purpose; what was not run is listed by itself.

# %%
threshold = ty.labs.run("8h", "privacy.membership_threshold", target, data)
records = [skill, evasion, members, groups, threshold, made.defense, *made.after]
purpose = " ".join(line for _, line in ty.labs.ledger().lines)
path = ty.report(records, "report.json", title=target.name, author=name, recipient="The board", purpose=purpose, overwrite=True)
ty.report(records, "report.html", title=target.name, author=name, recipient="The board", purpose=purpose, overwrite=True)

# %%
ty.labs.check("8h", path)

# %% [markdown] tags=["instructor"]
# **Grading by hand (10 min a report):** does the sentence to the board follow from the numbers? Is what was not measured named? Does the decision in 8g fit the threat model of lab 1?
# `tiltyard course collect` has graded the rest anew from the records.

# %% [markdown]
# ## 8i · Reflect: to the board
#
# Three sentences: may they use it, on what does that rest, what is not known? Quote 8c with its interval.

# %%
m = members.result.metric("gap")
# solution: words = "your message"
words = (
    f"I advise to use the model with conditions only. It is right more often on people it was trained on, by {100 * m.value:.1f} points "
    f"(95 % interval {100 * m.low:.1f} to {100 * m.high:.1f}), and it slights one sex as its training labels did. Theft and the supply chain were not looked at."
)
# end
ty.labs.reflect("8i", words)

# %%
ty.labs.submit(8)
