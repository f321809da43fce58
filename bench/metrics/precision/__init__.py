"""How far each metric lies from its reference implementation, measured: what docs/precision.md is made of."""
