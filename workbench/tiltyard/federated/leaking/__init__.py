"""What one client's gradient gives away: inversion and its result. Imported only when used."""
