"""Readers of further formats: each clears only what it parsed whole; what runs code, or stands after the end, it refuses."""
