"""Bytes before any load: format by content, archive walk, pickle opcodes, headers, hashes, verdict."""
