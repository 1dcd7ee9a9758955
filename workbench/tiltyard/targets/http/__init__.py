"""A model behind an address: its wires, and the target that asks it."""
