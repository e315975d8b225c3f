"""Sample schema, WebDataset shards, Parquet manifests, model store, sample footage."""
