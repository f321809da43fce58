"""Reading results: ``bench.results.load("runs")`` gives one pandas row an item."""

from bench.store.schema import ITEM, SET, Column
from bench.store.table import load

__all__ = ["ITEM", "SET", "Column", "load"]
