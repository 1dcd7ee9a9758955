"""The store: runs and results, chained, sealed, in SQLite or PostgreSQL."""
