"""The audio-visual sync expert."""
