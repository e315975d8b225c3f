"""Speech: features, recognition and alignment, voice activity."""
