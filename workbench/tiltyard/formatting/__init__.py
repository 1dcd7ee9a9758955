"""Words and numbers for people: numbers with their intervals, pictures as bytes."""
