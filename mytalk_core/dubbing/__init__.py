"""One title from footage and speech to a dubbed film, in one process and constant memory."""
