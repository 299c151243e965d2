"""How long it takes from `enter` on a task to its payload, decoded, on the screen; in a process of its own:
`python tests/benchmarks/first_page.py NAME URL QUEUE`.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gauges import count_sends, measured

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.pilot import Operator, WatchedApp

from archive_tui.session import Session
from archive_tui.settings.url import parse_url

_SIZE = (140, 40)
_TASKS = 20
_LOOK = 0.001


def first_page(url: str, queue: str, figures: dict[str, Any]) -> None:
    """Open the first tasks of an archive, one after the other; `seconds` are those of all of them."""
    session = Session(parse_url(url))
    session.open()
    try:
        figures |= asyncio.run(_open_tasks(session, queue, figures))
    finally:
        session.stop_jobs()


async def _open_tasks(session: Session, queue: str, figures: dict[str, Any]) -> dict[str, Any]:
    app = WatchedApp(session)
    async with app.run_test(size=_SIZE) as pilot:
        operator = Operator(app, pilot)
        await operator.tasks(queue)
        took = []
        with measured(figures):
            for _ in range(_TASKS):
                began = time.perf_counter()
                app.simulate_key("enter")
                while not _shown(app):  # noqa: ASYNC110 - what is looked for tells nobody
                    await asyncio.sleep(_LOOK)
                await pilot.pause(0)
                took.append(time.perf_counter() - began)
                await operator.press("escape", "down")
    return {"keys": len(took), "seconds": sum(took)}


def _shown(app: WatchedApp) -> bool:
    """Whether a task is on the screen, with its payload."""
    screen: Any = app.screen
    return type(screen).__name__.endswith("TaskScreen") and screen.is_mounted and not screen.reading()


SUBJECTS: dict[str, Callable[[str, str, dict[str, Any]], None]] = {first_page.__name__: first_page}

if __name__ == "__main__":
    count_sends()
    told: dict[str, Any] = {}
    SUBJECTS[sys.argv[1]](sys.argv[2], sys.argv[3], told)
    print(json.dumps(told))
