"""Files: read with a limit, written at once, locked."""
