"""The quality of dubbed titles over a catalogue: measures, tables, limits and the page."""
