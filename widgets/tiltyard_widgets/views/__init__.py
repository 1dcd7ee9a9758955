"""What shows a result: cards, tables, charts, messages."""
