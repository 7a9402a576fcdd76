"""Ad-hoc SQL on a published file: a gate that reads the query, a wall round the process that answers it.

Nothing is imported here until it is asked for, so that the worker may start without the packages of the project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.sandbox.runner import Limits, Result, run_query, start_query

__all__ = ["Limits", "Result", "run_query", "start_query"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from pipelines.sandbox import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
