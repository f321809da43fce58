"""The codecs of the suite; each imports the contract, never the runner or the metrics."""
