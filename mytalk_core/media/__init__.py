"""Files in and out: probe, decode, encode, mux, audio. Time is a Fraction."""
