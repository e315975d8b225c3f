"""What is said and when: speech features, recognition and alignment, voice activity."""
