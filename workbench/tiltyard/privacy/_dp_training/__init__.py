"""DP-SGD itself: which layers it can train, the loop, and the target that remembers it. Imported only when used."""
