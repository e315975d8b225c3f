"""The report of a title: its values, the page, the JSON document and the summary."""
