"""How results look where one works: cards for notebooks, text for terminals, tables and pictures for those who compute on."""
