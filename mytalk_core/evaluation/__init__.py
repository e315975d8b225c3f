"""Metrics, baselines, report pictures."""
