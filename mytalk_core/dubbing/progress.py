"""How a long piece of work says how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Is told the stage, how much of it is done, and how much there is, in the stage's own unit."""
