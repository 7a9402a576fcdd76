"""States: what every landed file is to a load, and in which order snapshots came.

The same bytes load once (F2), but of a snapshot each time that they came after another file is a turn of its own: the
newest is the whole truth, also where a provider goes back to an earlier list.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from pipelines.contracts import Contract
from pipelines.landing.receipts import received_at
from pipelines.landing.staged import Account, Staged
from pipelines.landing.store import LandedFile, ledger
from pipelines.settings import Home


@dataclass
class FileState:
    """One landed file as a load sees it; of a snapshot also each time that it came again after another file."""

    landed: LandedFile
    contract: Contract | None
    received_at: datetime
    """When it came; where it came several times one after the other, first."""
    account: Account
    status: str
    message: str | None
    part: str | None = None
    file_number: int = 0
    staged: Staged | None = field(default=None, repr=False)
    receipts: list[tuple[datetime, str]] = field(default_factory=list)
    """Every instant at which the bytes came, and the file name then, oldest first."""
    newest_at: datetime | None = None
    """When it came last, before another file took its place; None stands for ``received_at``."""
    came_again: bool = False
    """Whether it came once more after another file, and so has a later state."""

    @property
    def last_received_at(self) -> datetime:
        """The instant by which the feed is fresh."""
        return self.newest_at or self.received_at

    @property
    def file_name(self) -> str:
        """The name under which it came."""
        return self.receipts[0][1] if self.receipts else self.landed.file_name

    @property
    def counts(self) -> bool:
        """Whether its rows take part."""
        return self.status == "loaded"


def file_states(home: Home, contracts: dict[str, Contract]) -> list[FileState]:
    """Every landed file with its account, numbered by (received_at, SHA-256); held snapshots are not told yet."""
    digests = {feed: contract.digest() for feed, contract in contracts.items()}
    states = [_state(home, landed, contracts.get(landed.feed), digests.get(landed.feed)) for landed in ledger(home)]
    states.sort(key=lambda state: (state.received_at, state.landed.sha256, state.landed.feed))
    return states


def _state(home: Home, landed: LandedFile, contract: Contract | None, digest: str | None) -> FileState:
    landed_at = datetime.fromisoformat(landed.landed_at)
    nothing = Account(landed.sha256, "failed")
    if contract is None:
        what = "it lies in no feed's folder; move it into inbox/<feed>"
        if landed.feed != "inbox":
            what = f"no contract declares the feed {landed.feed}; write contracts/{landed.feed}.yml or move the file"
        return FileState(landed, None, landed_at, nothing, "failed", what)
    receipts = landed.received(contract)
    staged = Staged(home, landed, contract, digest)
    account = staged.account()
    if account is None:
        waiting = "it has not been read yet; run 'muster run'"
        receipts = receipts or [(landed_at, landed.file_name)]
        return FileState(landed, contract, receipts[0][0], nothing, "failed", waiting, receipts=receipts)
    status, message, part = account.status, account.message, None
    if not receipts:
        receipts, status = [(landed_at, landed.file_name)], "failed"
        message = f"its name does not say when it was received; the contract expects {contract.received_at}"
    elif contract.parts:
        named = [(at, name) for at, name in receipts if landed.part(contract, name) is not None]
        if not named:
            status = "failed"
            message = f"its name names none of the parts {', '.join(contract.parts)}"
        receipts = named or receipts
        part = landed.part(contract, receipts[0][1])
    if account.received_to is not None:
        receipts = [(datetime.fromisoformat(account.received_to), receipts[0][1])]
    if status == "failed" and account.status == "loaded":
        account = nothing
    state = FileState(landed, contract, receipts[0][0], account, status, message, part, 0, staged, receipts)
    state.newest_at = receipts[-1][0]
    return state


def in_turn(states: list[FileState]) -> list[FileState]:
    """The good files of a snapshot in the order in which they came, each once more where it came after another file.

    A provider that goes back to its list of before sends the bytes of before, and they are the newest truth.
    """
    came = [
        (at, state.landed.sha256, name, state.landed.part(state.contract, name))
        for state in states
        if state.contract is not None
        for at, name in state.receipts
    ]
    by_file = {state.landed.sha256: state for state in states}
    last_of: dict[str | None, FileState] = {}
    last_turn: dict[str, FileState] = {}
    found: list[FileState] = []
    for at, sha256, name, part in sorted(came, key=lambda each: each[:3]):
        before = last_of.get(part)
        if before is not None and before.landed.sha256 == sha256:
            before.receipts.append((at, name))
            before.newest_at = at
            continue
        state, earlier = by_file[sha256], last_turn.get(sha256)
        if earlier is not None:
            state, earlier.came_again = replace(state, came_again=False), True
        state.receipts, state.received_at, state.newest_at, state.part = [(at, name)], at, at, part
        found.append(state)
        last_of[part] = last_turn[sha256] = state
    return found


def known_states(states: list[FileState], known_at: datetime) -> list[FileState]:
    """The files received by an instant, good snapshots in turn; what came but is dated after it is a failed file."""
    known: list[FileState] = []
    snapshots: dict[str, list[FileState]] = {}
    for state in states:
        ahead = _tell_ahead(state, known_at)
        if state.received_at > known_at:
            if ahead is not None:
                if state.counts:
                    state.account, state.status, state.message = Account(state.landed.sha256, "failed"), "failed", ahead
                known.append(state)
            continue
        if state.counts:
            state.message = state.message or ahead
        state.receipts = [receipt for receipt in state.receipts if receipt[0] <= known_at]
        if state.receipts:
            state.newest_at = state.receipts[-1][0]
        if state.contract is not None and state.contract.mode == "snapshot" and state.counts:
            snapshots.setdefault(state.landed.feed, []).append(state)
        else:
            known.append(state)
    for mine in snapshots.values():
        known += in_turn(mine)
    return known


def _tell_ahead(state: FileState, known_at: datetime) -> str | None:
    """What to say of a file that came by an instant under a name that dates it after that; None where none does."""
    contract = state.contract
    if contract is None or not isinstance(contract.received_at, str):
        return None
    for each in state.landed.receipts:
        named = received_at(each, contract)
        if named is not None and named > known_at >= datetime.fromisoformat(each.landed_at):
            return (
                f"its name {each.file_name} says that it was received {named:%Y-%m-%d %H:%M} UTC, which has not come: "
                f"it counts from then on; rename it where that is wrong, or set time_zone of the contract, which is "
                f"{contract.time_zone}"
            )
    return None
