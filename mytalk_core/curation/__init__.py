"""Select clips for training: filters, deduplication, splits, shards and a report."""
