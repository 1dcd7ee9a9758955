"""What is to be said where a model has no gradient by its input: one line with the way on."""

from ..errors import Unavailable

BLACK_BOX = "Attack it as a black box: Square or HopSkipJump"
NO_GRADIENT = (
    "a model whose scores have a gradient by its input",
    "one whose scores have none: it takes codes, or computes without gradients",
    BLACK_BOX,
)


def explained(error: RuntimeError) -> Exception:
    """What torch raised while a gradient was asked for, as one line with the way on; ``error`` itself where that is not known."""
    words = str(error)
    if "Inference tensors" in words or "inference_mode" in words:
        found, do = (
            "one that computes in inference mode",
            "Take torch.inference_mode off its forward and load it outside of it, or attack it as a black box",
        )
    elif "modified by an inplace operation" in words or "in-place operation" in words:
        found, do = "one whose layers overwrite what the gradient needs", "Set inplace=False in its layers, or attack it as a black box"
    elif "does not require grad" in words or ("derivative" in words and "not implemented" in words):
        found, do = f"one without: {words.splitlines()[0][:120]}", BLACK_BOX
    else:
        return error
    return Unavailable(NO_GRADIENT[0], found, do)
