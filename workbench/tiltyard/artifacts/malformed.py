"""What every reader says of bytes that are not what their format promises."""


class Malformed(ValueError):
    """The file is not what its format says; the message says where."""
