"""Which clips become training data, decided row by row, and the account of every decision."""
