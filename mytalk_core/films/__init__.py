"""What a film is and who is in it: shots, and every face of them, for preprocessing and dubbing."""
