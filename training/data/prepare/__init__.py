"""Preparation of data sets: image files of any kind -> parquet shards in the Hub's image format."""
