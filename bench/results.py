"""Reading results in a notebook: ``bench.results.load("runs")`` gives one pandas row an item.

``ITEM`` and ``SET`` document the columns; behind them stands one float column a metric. docs/reading-results.md has the
whole list and a DuckDB query of the same files.
"""

from bench.store.schema import ITEM, SET, Column
from bench.store.stored import load

__all__ = ["ITEM", "SET", "Column", "load"]
