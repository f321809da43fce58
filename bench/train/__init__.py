"""Training of the learned codecs from their recipes."""
