"""Composition: which transforms run in which order on which engine."""
