"""The training loop that both models share."""
