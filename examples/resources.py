"""What tasks need is handed to them by name, and lives as long as they run.

Resources are set up in order before the first of concurrent runs, and torn down in
reverse order after the last. One that can't be set up ends the run before it begins.

    python examples/resources.py

Prints:

    open the database
    connect
    Ada: welcome to the club
    Bob: welcome to the club
    disconnect
    close the database with 2 members
    -
    open the database
    close the database with 0 members
    not started: OSError: the mail server is away
    -
    not started: state 'Greet': task 'greet': nothing fills its parameter 'mail'; ...
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

from cano_core import ConfigurationError, ResourceError, Workflow


class Database:
    """A resource with `setup` and `teardown` gets them called, sync or async."""

    def __init__(self) -> None:
        self.members: list[str] = []

    async def setup(self) -> None:
        print("open the database")

    async def teardown(self) -> None:
        print(f"close the database with {len(self.members)} members")

    async def add(self, name: str) -> None:
        await asyncio.sleep(0.01)
        self.members.append(name)


class Connection:
    def send(self, name: str, text: str) -> None:
        print(f"{name}: {text}")


class MailServer:
    """Of an async context manager, tasks get what it is entered as."""

    def __init__(self, *, is_up: bool) -> None:
        self.is_up = is_up

    async def __aenter__(self) -> Connection:
        if not self.is_up:
            raise OSError("the mail server is away")
        print("connect")
        return Connection()

    async def __aexit__(self, *reason: object) -> None:
        print("disconnect")


@dataclass
class Person:
    """What differs from run to run is no resource, but the run's data."""

    name: str


async def enrol(person: Person, database: Database) -> Literal["Greet"]:
    await database.add(person.name)
    return "Greet"


async def greet(person: Person, mail: Connection, text: str) -> Literal["Greeted"]:
    mail.send(person.name, text)  # a plain value is a resource, too
    return "Greeted"


def club(**resources: object) -> Workflow:
    return (
        Workflow(data=Person, resources=resources)
        .register("Enrol", enrol)
        .register("Greet", greet)
        .add_exit_state("Greeted")
    )


async def main() -> None:
    text = "welcome to the club"
    workflow = club(database=Database(), mail=MailServer(is_up=True), text=text)
    await asyncio.gather(
        workflow.orchestrate("Enrol", data=Person("Ada")),
        workflow.orchestrate("Enrol", data=Person("Bob")),
    )

    print("-")
    workflow = club(database=Database(), mail=MailServer(is_up=False), text=text)
    try:
        await workflow.orchestrate("Enrol", data=Person("Cyd"))
    except ResourceError as error:
        print(f"not started: {type(error.__cause__).__name__}: {error.__cause__}")

    print("-")
    try:
        await club(database=Database(), text=text).orchestrate("Enrol")
    except ConfigurationError as error:
        print(f"not started: {error}")


if __name__ == "__main__":
    asyncio.run(main())
