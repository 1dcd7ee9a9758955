"""Two runs side by side, and what a defense does to the other risks."""
