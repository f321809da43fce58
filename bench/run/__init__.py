"""The runner: plan a sweep, code, score, write."""
