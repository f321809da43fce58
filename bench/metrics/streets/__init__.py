"""The segmentation network of ``synthdrive``'s classes: what it is, how it was trained, its weights."""
