"""Ad-hoc SQL on a published file, in a process of its own that the caller can end."""

from pipelines.sandbox.runner import Limits, Result, run_query

__all__ = ["Limits", "Result", "run_query"]
