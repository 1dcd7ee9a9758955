"""Memory that pyarrow holds for columns of text."""


def release() -> None:
    """Give back to the machine what pyarrow holds and no longer needs; of itself it does so late, and more is taken beside it."""
    import pyarrow  # type: ignore[import-untyped,unused-ignore]

    for pool in (pyarrow.default_memory_pool(), pyarrow.system_memory_pool()):
        pool.release_unused()
