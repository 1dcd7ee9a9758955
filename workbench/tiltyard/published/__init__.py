"""What --json prints and the server shares: schemas and listings."""
