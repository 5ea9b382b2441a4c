"""One issue of a newsletter goes through every kind of state there is.

Each of them keeps in the log how far it has come.

    python examples/models_tour.py

Prints:

    poll: 1 of 2 articles
    poll: 2 of 2 articles
    batch: cover.svg
    batch: chart.svg
    timer: it is time
    stepped: to Ada and Bob
    stepped: to Cyd
    stream: 9 stars
    stream: 4 stars
    2 pictures, 13 stars
    drawn, held back, sent, read, read
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

import cano_core as cano

READERS = ["Ada", "Bob", "Cyd"]
STARS = [5, 4, 4]


@dataclass
class Issue:
    """What a run carries: it is in the log, and the same after a crash."""

    pictures: list[str]
    stars: int = 0
    diary: list[str] = field(default_factory=list)


class Desk:
    def __init__(self) -> None:
        self.articles = 0

    def look(self) -> int:
        self.articles += 1
        return self.articles


class Mail:
    def send(self, readers: list[str], *, idempotency_key: str) -> None:
        print("stepped: to", " and ".join(readers))


async def choose(issue: Issue) -> Literal["Edit", "Draw"]:
    """A router only chooses the next state."""
    return "Edit" if issue.pictures else "Draw"


class Edit(cano.PollTask):
    """Asks until something is ready."""

    async def poll(self, desk: Desk) -> cano.Ready[Literal["Draw"]] | cano.Pending:
        articles = desk.look()
        print(f"poll: {articles} of 2 articles")
        return cano.Ready("Draw") if articles >= 2 else cano.Pending(delay=0.01)


class Draw(cano.BatchTask):
    """Does the same for each item of a list; one that fails is no disaster."""

    async def load(self, issue: Issue) -> list[str]:
        return issue.pictures

    async def process_item(self, name: str) -> str:
        if not name.endswith(".svg"):
            raise ValueError("nobody can draw that")
        print("batch:", name)
        return name

    async def finish(
        self, results: list[cano.ItemResult[str]], issue: Issue
    ) -> Literal["Embargo"]:
        drawn = [each.value for each in results if isinstance(each, cano.ItemDone)]
        issue.pictures = drawn
        issue.diary.append("drawn")
        return "Embargo"


class Embargo(cano.TimerTask):
    """Waits until a moment."""

    async def wait(self, issue: Issue) -> float:
        issue.diary.append("held back")
        return 0.01

    async def after_wait(self) -> Literal["Send"]:
        print("timer: it is time")
        return "Send"


async def send(
    first: int | None, issue: Issue, mail: Mail, run: cano.RunContext
) -> cano.More[int] | cano.Done[Literal["Listen"]]:
    """Goes on step by step; a resumed run goes on with the next one."""
    first = first or 0
    mail.send(READERS[first : first + 2], idempotency_key=run.idempotency_key)
    if first + 2 < len(READERS):
        return cano.More(first + 2)
    issue.diary.append("sent")
    return cano.Done("Listen")


class Listen(cano.StreamTask):
    """Works through a stream, two items at a time."""

    window = cano.Count(2)

    async def open(self, last: int | None) -> AsyncIterator[tuple[int, int]]:
        for number in range(0 if last is None else last + 1, len(STARS)):
            yield number, STARS[number]

    async def process_item(self, stars: int) -> int:
        return stars

    async def flush_window(self, stars: list[int], issue: Issue) -> None:
        print(f"stream: {sum(stars)} stars")
        issue.stars += sum(stars)
        issue.diary.append("read")

    async def on_close(self, reason: cano.CloseReason, issue: Issue) -> Literal["Read"]:
        print(f"{len(issue.pictures)} pictures, {issue.stars} stars")
        print(", ".join(issue.diary))
        return "Read"


def newsletter(store: cano.CheckpointStore, desk: Desk, mail: Mail) -> cano.Workflow:
    resources = {"desk": desk, "mail": mail}
    return (
        cano.Workflow(data=Issue, checkpoint_store=store, resources=resources)
        .register_router("Choose", choose)
        .register("Edit", Edit())
        .register("Draw", Draw())
        .register("Embargo", Embargo())
        .register_stepped("Send", send)
        .register_stream("Listen", Listen())
        .add_exit_state("Read")
    )


async def main() -> None:
    workflow = newsletter(cano.MemoryCheckpointStore(), Desk(), Mail())
    issue = Issue(["cover.svg", "photo.raw", "chart.svg"])
    await workflow.orchestrate("Choose", workflow_id="issue-7", data=issue)


if __name__ == "__main__":
    asyncio.run(main())
