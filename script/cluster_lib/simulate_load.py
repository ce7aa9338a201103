"""Simulates signed-in users: `cluster_lib/simulate_load.py PLAN NOTES STEP…` prints the number of users before each step.

Each user has the week open, and the page polls every 8 to 12 seconds as the product's own does (`static/js/watch.js`). Now and
then they open something else, move a booking or create one. Requests are independent of each other and never retried.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from cluster_lib.simulated_user import SimulatedUser

POLL_SECONDS = 8.0, 12.0
STEP_SECONDS = 45.0
RAMP_UP_SECONDS = 20.0
"""How long it takes until all users of a step have started; measurement begins after that."""
CHANCES = (
    (0.075, SimulatedUser.open_week),
    (0.0375, SimulatedUser.open_month),
    (0.05, SimulatedUser.open_booking),
    (0.05, SimulatedUser.read_weekly),
    (0.0225, SimulatedUser.move),
    (0.01125, SimulatedUser.create),
)
"""Probability of each action after a poll: something every 40 seconds, and a change every 5 minutes."""


async def work(user: SimulatedUser, stop: asyncio.Event) -> None:
    await user.open_week()
    await user.read_weekly()
    while not stop.is_set():
        await asyncio.sleep(user.random.uniform(*POLL_SECONDS))
        await user.watch()
        chance = user.random.random()
        for share, what in CHANCES:
            if 0 <= chance < share:
                await what(user)
            chance -= share
    await user.close()


async def start_gradually(people: list[SimulatedUser], stop: asyncio.Event) -> list["asyncio.Task[None]"]:
    """Start the users one after the other."""
    tasks = []
    for user in people:
        tasks.append(asyncio.create_task(work(user, stop)))
        await asyncio.sleep(RAMP_UP_SECONDS / len(people))
    return tasks


async def main(plan: dict[str, Any], notes: Path, steps: list[int]) -> None:
    stop = asyncio.Event()
    with notes.open("a", buffering=1 << 16) as file:
        people = SimulatedUser.all_of(plan, file)
        tasks: list[asyncio.Task[None]] = []
        for step in steps:
            tasks += await start_gradually(people[len(tasks) : step], stop)
            print(step, flush=True)
            await asyncio.sleep(STEP_SECONDS - RAMP_UP_SECONDS)
        print(0, flush=True)
        stop.set()
        await asyncio.gather(*tasks)


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), [int(word) for word in sys.argv[3:]]))
