"""Signed-in people at once: `cluster_lib/crowd.py PLAN NOTES STEP…`. Before each step it prints how many there are from now on.

Each has the week open, and their page asks every 8 to 12 seconds whether anything has changed, as the product's own does
(`static/js/watch.js`). Now and then they open something else, and now and then they move a booking or take one. Nobody waits for
anybody, nor asks twice.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from cluster_lib.person import Person

WATCHES_SECONDS = 8.0, 12.0
STEP_SECONDS = 45.0
ARRIVING_SECONDS = 20.0
"""In which the people of a step come in. What is measured comes after."""
CHANCES = (
    (0.075, Person.open_week),
    (0.0375, Person.open_month),
    (0.05, Person.open_booking),
    (0.05, Person.read_weekly),
    (0.0225, Person.move),
    (0.01125, Person.create),
)
"""Of doing it after each look: something every 40 seconds, and a change every 5 minutes."""


async def work(person: Person, stop: asyncio.Event) -> None:
    await person.open_week()
    await person.read_weekly()
    while not stop.is_set():
        await asyncio.sleep(person.dice.uniform(*WATCHES_SECONDS))
        await person.watch()
        chance = person.dice.random()
        for share, what in CHANCES:
            if 0 <= chance < share:
                await what(person)
            chance -= share
    await person.leave()


async def come_in(people: list[Person], stop: asyncio.Event) -> list["asyncio.Task[None]"]:
    """One after the other, rather than all in the same moment."""
    tasks = []
    for person in people:
        tasks.append(asyncio.create_task(work(person, stop)))
        await asyncio.sleep(ARRIVING_SECONDS / len(people))
    return tasks


async def main(plan: dict[str, Any], notes: Path, steps: list[int]) -> None:
    stop = asyncio.Event()
    with notes.open("a", buffering=1 << 16) as file:
        people = Person.all_of(plan, file)
        tasks: list[asyncio.Task[None]] = []
        for step in steps:
            tasks += await come_in(people[len(tasks) : step], stop)
            print(step, flush=True)
            await asyncio.sleep(STEP_SECONDS - ARRIVING_SECONDS)
        print(0, flush=True)
        stop.set()
        await asyncio.gather(*tasks)


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), [int(word) for word in sys.argv[3:]]))
