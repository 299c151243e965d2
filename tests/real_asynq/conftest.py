"""Real Asynq in its three versions, at real servers."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from .cleaner import Cleaner
from .program import VERSIONS, Asynq, Library, UnavailableError, build
from .servers import valkey


@pytest.fixture(scope="session")
def builds(shared_folder: Path) -> Iterator[dict[str, Future[Library]]]:
    """The program for each version; they are built two at a time while the first tests run."""
    if shutil.which("go") is None:
        pytest.skip("Go is missing")
    folder = shared_folder / "asynqreal"
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as builders:
        yield {version: builders.submit(build, version, folder) for version in VERSIONS}


@pytest.fixture(scope="session", params=VERSIONS)
def library(request: pytest.FixtureRequest, builds: dict[str, Future[Library]]) -> Library:
    """Each version of the library."""
    try:
        return builds[request.param].result()
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def url() -> Iterator[str]:
    """An embedded Valkey of one's own, empty."""
    with valkey() as running:
        yield running


@pytest.fixture
def asynq(library: Library, url: str) -> Asynq:
    """Real Asynq at that Valkey."""
    return Asynq(library, url)


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    """A plain connection to that Valkey."""
    with redis.Redis.from_url(url) as connection:
        yield connection


@pytest.fixture
def cleaner(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cleaner]:
    """archive_tui at that Valkey."""
    with Cleaner(url, monkeypatch) as operator:
        yield operator
