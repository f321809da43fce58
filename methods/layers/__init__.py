"""Blocks that two or more codecs share."""
