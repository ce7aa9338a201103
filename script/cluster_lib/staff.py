"""Staff who browse, drag and take bookings until told to stop: `cluster_lib/staff.py PLAN NOTES`. One line of JSON a request."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from cluster_lib.person import Person

THINKS_SECONDS = 0.2, 1.0


async def work(person: Person, stop: asyncio.Event) -> None:
    await person.open_week()
    await person.read_weekly()
    while not stop.is_set():
        chance = person.dice.random()
        if chance < 0.30:
            await person.watch()
        elif chance < 0.45:
            await person.read_weekly()
        elif chance < 0.55:
            await person.open_month()
        elif chance < 0.80:
            await person.move(by_page=person.dice.random() < 0.5)
        else:
            await person.create()
        await asyncio.sleep(person.dice.uniform(*THINKS_SECONDS))
    await person.leave()


async def main(plan: dict[str, Any], notes: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with notes.open("a", buffering=1) as file:
        people = Person.all_of(plan, file)
        await asyncio.gather(*(work(person, stop) for person in people))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))
