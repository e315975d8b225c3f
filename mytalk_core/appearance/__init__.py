"""Stage 2, motion to appearance: encoders, fusion, decoder, losses, compositing into the frame."""
