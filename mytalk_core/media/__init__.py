"""Media input and output: probe, decode, encode, mux, audio. Times are Fractions."""
