"""What an endpoint is asked over time: windows of summaries, held against a reference."""
