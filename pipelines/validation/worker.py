"""The other end of :mod:`pipelines.validation.process`: answers one table's expectations after the other."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from typing import Any

from pipelines.errors import MusterError
from pipelines.validation.expectations import Validator


def main(descriptor: int) -> None:
    """Answer until the other end is closed: which checks failed, by number, or why they could not run."""
    pipe: Connection[Any, Any] = Connection(descriptor)

    def execute(statement: str, parameters: Any) -> Any:
        pipe.send(("execute", (statement, parameters)))
        return pipe.recv()

    pipe.send(("ready", None))
    validator: Validator | None = None
    while True:
        try:
            part = pipe.recv()
        except EOFError:
            return
        try:
            validator = validator or Validator(execute)  # which asks the database, so not before a cursor is there
            pipe.send(("failed", validator.failing(part)))
        except MusterError as error:
            pipe.send(("impossible", str(error)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
