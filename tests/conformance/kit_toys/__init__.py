"""Small codecs that the conformance kit is tried on."""
