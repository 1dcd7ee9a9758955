"""How SecAgg+ makes whole numbers of updates: masks are added modulo 2^32, and only whole numbers survive that."""

CLIP = 8.0
LEVELS = 1 << 22
STEP = 2 * CLIP / LEVELS


def error(clients: int) -> float:
    """Most that rounding moves a weight of the mean in a round where all ``clients`` answer: each rounds its share by less than a step."""
    return clients * STEP
