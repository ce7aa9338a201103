"""Simulates staff who browse, move and create bookings until SIGTERM: `cluster_lib/simulate_staff.py PLAN NOTES`."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from cluster_lib.simulated_user import SimulatedUser

PAUSE_SECONDS = 0.2, 1.0


async def work(person: SimulatedUser, stop: asyncio.Event) -> None:
    await person.open_week()
    await person.read_weekly()
    while not stop.is_set():
        chance = person.random.random()
        if chance < 0.30:
            await person.watch()
        elif chance < 0.45:
            await person.read_weekly()
        elif chance < 0.55:
            await person.open_month()
        elif chance < 0.80:
            await person.move(by_page=person.random.random() < 0.5)
        else:
            await person.create()
        await asyncio.sleep(person.random.uniform(*PAUSE_SECONDS))
    await person.close()


async def main(plan: dict[str, Any], notes: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with notes.open("a", buffering=1) as file:
        people = SimulatedUser.all_of(plan, file)
        await asyncio.gather(*(work(person, stop) for person in people))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))
