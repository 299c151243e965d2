"""The size of a batch: messages can be large, and the replies to one batch of questions must not fill our memory."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

REPLY_BUDGET = 4 * 1024 * 1024
"""Bytes that the replies to one batch may hold. A single larger message is read alone."""

Item = TypeVar("Item", bound=tuple[Any, ...])


def within_budget(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut items into batches by the message length in bytes that each carries last; anything but an int counts as 0."""
    batch: list[Item] = []
    budget = REPLY_BUDGET
    for item in items:
        length = item[-1] if isinstance(item[-1], int) else 0
        if batch and length > budget:
            yield batch
            batch, budget = [], REPLY_BUDGET
        batch.append(item)
        budget -= length
    if batch:
        yield batch
