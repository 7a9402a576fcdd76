"""Functions of DuckDB that no expression of Spark's SQL gives: run by Python beside Spark's workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def register(session: SparkSession) -> None:
    """Make the functions known to a session under the names that they have in DuckDB."""
    session.udf.register("damerau_levenshtein", edit_distance(), "bigint")


def edit_distance() -> Callable[[str | None, str | None], int | None]:
    """A function for the edits between two texts where exchanging two letters is one edit, others may lie between.

    It is made here because Spark sends a function made inside another by value: workers need no Muster.
    """

    def damerau_levenshtein(first: str | None, second: str | None) -> int | None:
        if first is None or second is None:
            return None
        left, right = first.encode(), second.encode()  # DuckDB counts bytes
        far = len(left) + len(right)
        last_row: dict[int, int] = {}
        table = [[far] * (len(right) + 2) for _ in range(len(left) + 2)]
        for row in range(len(left) + 1):
            table[row + 1][1] = row
        for column in range(len(right) + 1):
            table[1][column + 1] = column
        for row, letter in enumerate(left, start=1):
            last_column = 0
            for column, other in enumerate(right, start=1):
                above, before = last_row.get(other, 0), last_column
                if letter == other:
                    last_column = column
                table[row + 1][column + 1] = min(
                    table[row][column] + (letter != other),
                    table[row + 1][column] + 1,
                    table[row][column + 1] + 1,
                    table[above][before] + (row - above - 1) + 1 + (column - before - 1),
                )
            last_row[letter] = row
        return table[len(left) + 1][len(right) + 1]

    return damerau_levenshtein
