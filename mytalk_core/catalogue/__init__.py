"""Catalogues: thousands of titles of a list, checked, planned and accounted for."""
