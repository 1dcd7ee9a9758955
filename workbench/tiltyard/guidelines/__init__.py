"""The checklists of the guidelines, and a person's answers to them."""
