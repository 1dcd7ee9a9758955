"""The posture of an endpoint: what it lets a stranger do. One file a probe, and the check that sends them."""
