"""Files of any kind -> shards to train on: parquet in the Hub's image format."""
