"""What takes an input: fields, pickers, uploads."""
