"""Training logs: CSV files that a cut and resumed run continues as if it had not been cut."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path


class Log:
    """One CSV file of training.

    Args:
        path: The file; it appears with the first row.
        columns: Its columns, the first of which is the step.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, columns

    def cut(self, step: int) -> None:
        """Drop the rows that a killed run wrote after its last saved state: those steps are taken again."""
        if self.path.is_file():
            head, *lines = self.path.read_text().splitlines()
            kept = [line for line in lines if line and float(line.split(",")[0]) <= step]
            if len(kept) < len(lines):
                self.path.write_text("\n".join([head, *kept]) + "\n")

    def add(self, row: dict[str, float]) -> dict[str, float]:
        """Append a row and return it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self.path.is_file()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            if fresh:
                writer.writeheader()
            writer.writerow({name: f"{row[name]:.6g}" for name in self.columns})
        return row
