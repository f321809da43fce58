"""What the suite costs beside the libraries that it is built on. Not part of the package: run from a checkout.

``python -m benchmarks.metrics`` and ``python -m benchmarks.distances`` print tables and write ``benchmarks/results/``.
"""
