"""The staged rows of many files as one query, from packs where there are any."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import duckdb
import pyarrow as pa

from pipelines.landing.cast import quote
from pipelines.landing.pack import sound_packs
from pipelines.landing.stage import require_sound
from pipelines.landing.staged import Staged
from pipelines.settings import Home


@contextlib.contextmanager
def staged_rows(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    staged_files: Sequence[Staged],
    tell: Callable[[str], None] | None = None,
) -> Iterator[str]:
    """SQL of all rows of staged files of one contract, to be used within this context.

    Columns are those of a staged file and ``position``, the place of the row's file in ``staged_files``. All that is
    read is verified before; ``tell`` is told what a disk spoilt. Raises MusterError as :func:`require_sound` does.
    """
    left = {staged.landed.sha256: position for position, staged in enumerate(staged_files)}
    packs: list[str] = []
    places: list[tuple[int, int, int]] = []
    for pack in sound_packs(home, staged_files[0].landed.feed, staged_files[0].digest, tell) if len(left) > 1 else ():
        mine = []
        for member, (sha256, rows) in enumerate(pack.members):
            position = left.get(sha256)
            account = None if position is None else staged_files[position].known_account()
            if position is not None and account is not None and account.staged_sha256 == rows:
                mine.append((len(packs), member, left.pop(sha256)))
        if mine:
            packs.append(quote(str(pack.path)))
            places += mine
    alone = [staged_files[position] for position in left.values()]
    require_sound(home, alone, tell)
    sources = []
    if packs:
        sources.append(
            f"select packed.* exclude (member), position from read_parquet([{', '.join(packs)}]) as packed "
            "join staged_place on packed.file_index = staged_place.file and packed.member = staged_place.member"
        )
    if alone:
        paths = ", ".join(quote(str(staged.rows)) for staged in alone)
        places += [(-1, number, position) for number, position in enumerate(left.values())]
        sources.append(
            f"select alone.*, position from read_parquet([{paths}]) as alone "
            "join staged_place on staged_place.file = -1 and alone.file_index = staged_place.member"
        )
    columns = zip(("file", "member", "position"), zip(*places, strict=True), strict=True)
    con.register("staged_place", pa.table({name: pa.array(values, pa.int64()) for name, values in columns}))
    try:
        yield " union all by name ".join(sources)
    finally:
        con.unregister("staged_place")
