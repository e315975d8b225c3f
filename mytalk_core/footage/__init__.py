"""Footage to clip samples: sources, units of work, clips, and the account of all of them."""
