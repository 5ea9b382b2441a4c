"""A clock on the wall that tests set."""

from sagas import Journal


class Wall:
    """The clock on the wall; it stands still until somebody sets it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


def passing(journal: Journal, wall: Wall, seconds: float, at: str) -> None:
    """Let time pass in one step, without an await."""

    async def pass_by() -> None:
        wall.now += seconds

    journal.holds[at] = pass_by
