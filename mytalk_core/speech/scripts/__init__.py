"""Scripts of every format: one reader per format, all of them give rows."""
