"""`archive-tui profiles`: the profiles of the settings file, and what each server answers."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from archive_tui.asynq.actions import Action
from archive_tui.commands.output import LONGEST_NAME, print_table
from archive_tui.destinations import Answer, Attempt, Destination, Destinations
from archive_tui.errors import ExitCode
from archive_tui.settings.file import default_settings_file
from archive_tui.text import clip, line
from archive_tui.wording.people import UNKNOWN, milliseconds
from archive_tui.wording.programs import json_line

_MAY = {Action.READ: "read", Action.DELETE: "delete", Action.RESTORE: "repair"}


def profiles(destinations: Destinations, *, as_json: bool, out: TextIO) -> ExitCode:
    """Print the profiles, each tested beside the others. The exit code says whether all have answered."""
    listed = destinations.profiles()
    attempts = [destinations.test(one) for one in listed]
    for attempt in attempts:
        attempt.wait()
    results = list(zip(listed, attempts, strict=True))
    if as_json:
        print(json_line([_json(*result) for result in results]), file=out)
    elif results:
        _print_text(results, out)
    else:
        file = line(str(default_settings_file()))
        print(f"archive-tui: no profiles: write a section [NAME] with url = … into {file}", file=sys.stderr)
    failed = sum(attempt.error is not None for attempt in attempts)
    if not failed:
        return ExitCode.DONE
    return ExitCode.IN_PART if failed < len(attempts) else ExitCode.CONNECTION


def _print_text(results: Sequence[tuple[Destination, Attempt[Answer]]], out: TextIO) -> None:
    lines = []
    for destination, attempt in results:
        name = clip(destination.name, LONGEST_NAME) + (" (production)" if destination.production else "")
        answer = attempt.result
        lines.append([
            name,
            clip(destination.address, LONGEST_NAME) or UNKNOWN,
            milliseconds(answer.latency) if answer is not None else UNKNOWN,
            _server(answer) if answer is not None else "no answer",
            _may(answer) if answer is not None else str(attempt.error),
        ])  # fmt: skip
    print_table(["PROFILE", "ADDRESS", "TIME", "SERVER", "MAY"], lines, out, names=5)


def _server(answer: Answer) -> str:
    role = " ".join(one for one in (answer.mode if answer.kind == answer.role else "", answer.kind) if one)
    return f"{answer.product_and_version}, {role}" if role else answer.product_and_version


def _may(answer: Answer) -> str:
    """What may be done there, and why not the rest."""
    if answer.why_read_only:
        may = [_MAY[Action.READ]] if Action.READ not in answer.refused else []
        return f"{', '.join(may) or 'nothing'}: {answer.why_read_only}"
    said = ", ".join(_MAY[action] for action in Action if action not in answer.refused) or "nothing"
    return "; ".join([said, *(f"no {_MAY[action]}: {why}" for action, why in answer.refused.items())])


def _json(destination: Destination, attempt: Attempt[Answer]) -> Mapping[str, Any]:
    answer = attempt.result
    return {
        "profile": destination.name,
        "address": destination.address or None,
        "production": destination.production,
        "color": destination.color,
        "answers": answer is not None,
        "reason": str(attempt.error) if attempt.error is not None else None,
        "product": answer.product if answer is not None and answer.version else None,
        "version": (answer.version or None) if answer is not None else None,
        "mode": (answer.mode or None) if answer is not None else None,
        "role": (answer.role or None) if answer is not None else None,
        "answered_in_ms": round(answer.latency * 1000, 3) if answer is not None else None,
        "may": [action.value for action in Action if action not in answer.refused and _writable(action, answer)]
        if answer is not None
        else None,
        "why_read_only": (answer.why_read_only or None) if answer is not None else None,
        "refused": {action.value: why for action, why in answer.refused.items()} if answer is not None else None,
    }


def _writable(action: Action, answer: Answer) -> bool:
    return action is Action.READ or not answer.why_read_only
