"""What stands below the options in the help of a command."""

SCAN = """\b
Rules have ids: tiltyard scan --explain runs-code says what one means and what to do.
A folder is one unit: links are followed within it, texts that name code or other files are read, .git is left out.
--suppress RULE and --severity LEVEL leave findings out of what counts; they stay in --json and --sarif, marked.
"""

ASSESS = """\b
CONFIG.toml, for instance (tiltyard check ID --help names a check's parameters; without [[check]] all are run):
  profile = "quick"                        # or "full"
  [target]
  file = "model.safetensors"               # or sample = "census"; architecture, factory, classes, outputs where needed
  threshold = 0.15                         # what is deployed, where that is not the model's own rule: "bad" from 0.15 on
  positive = "bad"
  [data]
  file = "rows.csv"
  label = "churned"
  sensitive = ["gender"]
  favorable = "no"                         # what people hope for; else proposed by the words of label and classes
  leave_out = ["customer_id", "gender"]    # no features; gender still tells the groups apart
  member = "train"                         # the column that says which rows were trained on
  features.income = { missing = 0, unit = "EUR" }   # kind, low, high, unit, mutable, direction, divide, missing, cost_per_change, cost_per_unit
  [[check]]
  id = "evasion.pgd"
  budget = 0.05

\b
POLICY.toml, for instance (the numbers a check gives, by name: tiltyard report RUN --format json):
  [[rule]]
  check = "evasion.pgd"
  metric = "robust_accuracy"
  at_least = 0.5                           # or at_most; use = "low" holds the end of the interval against it
"""
