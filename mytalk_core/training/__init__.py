"""The training loop that both models share, free of any engine."""
