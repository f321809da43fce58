"""A plug-in codec, pairs and a metric engine small enough to see through."""
