"""What a skops file holds, read without loading it."""
