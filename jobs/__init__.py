"""What a person or a scheduler starts: the `mytalk` command and what it reports."""
