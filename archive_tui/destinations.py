"""The destinations that one can choose from without naming a server: the profiles, the local server, dumps, the demo.

Each is tried in a thread of its own, so that none waits for another, and no fault of one hides another's. What flags
and environment say of *one* server, its address and who logs in there, is for none of them: it would send the password
of one server to the next. What guards (`--read-only`), and what is about us (`--pace`), is for all.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from archive_tui.asynq.actions import Action
from archive_tui.errors import ArchiveTuiError, ConnectError, LockedKeyError, LoginError
from archive_tui.session import Session
from archive_tui.settings import setting
from archive_tui.settings.file import SettingsFile, read_settings_file
from archive_tui.settings.model import BadgeColor, Secret, Settings
from archive_tui.settings.profiles import DEFAULT_URL, Choices, resolve
from archive_tui.settings.secrets import COMMAND_PATIENCE
from archive_tui.settings.tls import unlocked
from archive_tui.snapshot import served
from archive_tui.text import line

Result = TypeVar("Result")

_ANSWERS = 4
"""A destination is given up after so many times the seconds that one answer may take."""

_DEMO = 120.0
"""Seconds that the demo may take to begin, on a machine that has a lot to do."""

_LOADING = 86_400.0
"""Seconds that a dump may take to be loaded: whoever waits for it sees how far it is, and may give up."""

_GUARDS = (
    setting.TIMEOUT, setting.READ_ONLY, setting.LOW_BANDWIDTH, setting.PACE, setting.THEME, setting.SYSLOG,
    setting.JOURNAL_DIR, setting.PREFER_REPLICA,
)  # fmt: skip
"""The settings of the environment that are for every server."""


class Kind(Enum):
    """What a destination is."""

    PROFILE = "profile"
    SERVER = "server"
    DUMP = "dump"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Destination:
    """Something that one can connect to."""

    name: str
    """The name of the profile, or what it is in words of ours."""

    kind: Kind
    """What it is."""

    settings: Settings | None = None
    """What is known of it before anybody connects, without its password; None where that is a `fault`, of a demo, and
    of a dump.
    """

    fault: str = ""
    """Why it cannot be used as it is written; empty where it can."""

    program: str = ""
    """The program that gives the password; empty for none. It may ask somebody: nobody runs it without being asked to.
    """

    file: Path | None = None
    """The file of a dump; None where that is still to be said, and of all others."""

    @property
    def address(self) -> str:
        """Where it is, safe to show; empty where that is not known."""
        return self.settings.place if self.settings is not None else ""

    @property
    def production(self) -> bool:
        """Whether its profile is marked as production."""
        return self.settings is not None and self.settings.production

    @property
    def color(self) -> BadgeColor | None:
        """The colour of its badge."""
        return self.settings.color if self.settings is not None else None

    @property
    def patience(self) -> float:
        """Seconds after which it is given up."""
        if self.kind in (Kind.DEMO, Kind.DUMP):
            return _DEMO if self.kind is Kind.DEMO else _LOADING
        timeout = (self.settings or Settings()).timeout
        return timeout * _ANSWERS + (COMMAND_PATIENCE if self.program else 0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said of itself."""

    product: str
    """"redis", "valkey" or "redict"."""

    version: str
    """Its version; empty where it does not say."""

    mode: str
    """"standalone" or "cluster"; empty where it does not say."""

    role: str
    """"primary" or "replica"; empty where it does not say."""

    kind: str
    """Its role, or that it is a cluster, and of how many primaries; in words."""

    latency: float
    """Seconds that one question takes to be answered."""

    why_read_only: str
    """Why nothing can be changed there; empty where something can."""

    refused: Mapping[Action, str] = field(default_factory=dict)
    """Why the user may not do something in any queue, by action."""

    staleness: str = ""
    """Why what it holds may be old, or is not all, in words; empty where neither is so."""

    @property
    def role_and_product(self) -> str:
        """What stands there, in words: "primary, Valkey 9.1.2", "cluster of 3, Redis 7.0.15"."""
        return f"{self.kind}, {self.product_and_version}" if self.kind else self.product_and_version

    @property
    def product_and_version(self) -> str:
        """The last part of that."""
        return f"{self.product.capitalize()} {self.version}" if self.version else "no version told"


class Typed(NamedTuple):
    """What somebody has typed for a destination that wanted it; None: nothing."""

    password: Secret | None = None
    passphrase: Secret | None = None
    """That of our key for TLS."""

    key: str = ""
    """The file of that key."""


NOTHING_TYPED = Typed()


class Opened:
    """A session that is open, and what it stands on: the server of the demo, or of a dump."""

    def __init__(self, session: Session, beneath: ExitStack) -> None:
        self.session = session
        self._beneath = beneath

    def close(self) -> None:
        """Close the session, and end what it stands on."""
        self._beneath.close()


class Attempt(Generic[Result]):
    """Work in a thread of its own, whose result is looked for now and then. The thread holds up nobody's end."""

    def __init__(self, work: Callable[[], Result], patience: float, discard: Callable[[Result], None]) -> None:
        """`discard` gets a result that nobody waits for any more."""
        self._work, self._discard = work, discard
        self._until = time.monotonic() + patience
        self._patience = patience
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._given_up = False
        self.result: Result | None = None
        """The result; None before it is there, and where there is an `error`."""
        self.error: ArchiveTuiError | None = None
        """Why there is none."""
        threading.Thread(target=self._run, daemon=True, name="attempt").start()

    def _run(self) -> None:
        result, error = None, None
        try:
            result = self._work()
        except ArchiveTuiError as known:
            error = known
        except Exception as defect:
            error = ArchiveTuiError(f"unexpected {type(defect).__name__}: {line(str(defect))}")
        with self._lock:
            late = self._given_up
            if not late:
                self.result, self.error = result, error
                self._ended.set()
        if late and result is not None:
            self._discard(result)

    @property
    def ended(self) -> bool:
        """Whether there is a result or an error by now. What takes too long gets one."""
        if not self._ended.is_set() and time.monotonic() >= self._until:
            self.give_up(ConnectError(f"it did not answer within {self._patience:g} s"))
        return self._ended.is_set()

    def give_up(self, error: ArchiveTuiError) -> None:
        """Wait no longer; where it has ended meanwhile, nothing changes."""
        with self._lock:
            if not self._ended.is_set():
                self._given_up, self.error = True, error
                self._ended.set()

    def wait(self) -> None:
        """Wait until it has ended; blocks."""
        while not self.ended:
            self._ended.wait(max(self._until - time.monotonic(), 0.0))


class Destinations:
    """The destinations of a run, by its flags and environment. `demo` runs the demo and gives its URL; None where it is
    not installed.
    """

    def __init__(
        self,
        choices: Choices | None = None,
        demo: Callable[[], AbstractContextManager[str]] | None = None,
        file: SettingsFile | None = None,
    ) -> None:
        """`file` None: the default one, read anew whenever it is needed."""
        self._choices = choices or Choices()
        self._demo = demo
        self._file = file

    @property
    def low_bandwidth(self) -> bool:
        """Whether the link to the terminal is thin, by flags or environment."""
        environment = self._choices.environment
        return self._choices.low_bandwidth or bool(setting.LOW_BANDWIDTH.from_environment(environment))

    def profiles(self) -> list[Destination]:
        """The profiles, in the order of the file. Raises UsageError for a file that cannot be read."""
        file = self._file or read_settings_file()
        return [self._profile(name, section, file) for name, section in file.profiles.items()]

    def all(self) -> list[Destination]:
        """The profiles, the local server, any dump, and the demo. Raises UsageError for a settings file that cannot be
        read.
        """
        local = Destination("local server", Kind.SERVER, resolve(self._local(), secrets=False))
        dump = Destination("a dump file…", Kind.DUMP)
        demo = [Destination("demo", Kind.DEMO)] if self._demo is not None else []
        return [*self.profiles(), local, dump, *demo]

    def _local(self, password: Secret | None = None) -> Choices:
        """The local server is the one that flags and environment mean where they name none: all they say is for it."""
        environment = {
            name: value
            for name, value in self._choices.environment.items()
            if name not in ("ARCHIVE_TUI_URL", "ARCHIVE_TUI_PROFILE")
        }
        password = password or self._choices.password
        return replace(
            self._choices, url=DEFAULT_URL, profile=None, dump=None, password=password, environment=environment
        )

    def _profile(self, name: str, section: Mapping[str, object], file: SettingsFile) -> Destination:
        commands = [section.get(key) for key in ("password_command", "sentinel_password_command")]
        program = next((str(one[0]) for one in commands if isinstance(one, list) and one), "")
        try:
            settings = resolve(self._common(profile=name, section=section), file.path, secrets=False)
        except ArchiveTuiError as error:
            return Destination(name, Kind.PROFILE, fault=line(str(error)))
        return Destination(name, Kind.PROFILE, settings, program=program)

    def _common(
        self,
        *,
        url: str | None = None,
        profile: str | None = None,
        section: Mapping[str, object] | None = None,
        password: Secret | None = None,
        dump: Path | None = None,
    ) -> Choices:
        """Flags and environment, without what is for one server alone."""
        given = self._choices
        kept = {one.variable for one in _GUARDS}
        kept |= {str((section or {}).get(key)) for key in ("password_env", "sentinel_password_env")}
        environment = {
            name: value
            for name, value in given.environment.items()
            if not name.startswith("ARCHIVE_TUI_") or name in kept
        }
        return Choices(
            url=url,
            profile=profile,
            password=password,
            dump=dump,
            timeout=given.timeout,
            read_only=given.read_only,
            low_bandwidth=given.low_bandwidth,
            show_secrets=given.show_secrets,
            prefer_replica=given.prefer_replica,
            pace=given.pace,
            no_journal=given.no_journal,
            journal_dir=given.journal_dir,
            environment=environment,
        )

    def test(self, destination: Destination) -> Attempt[Answer]:
        """Begin to ask a destination what it is, and what one may do there. Nothing of it stays open."""
        return Attempt(lambda: self._ask(destination), destination.patience, lambda _answer: None)

    def open(
        self, destination: Destination, typed: Typed = NOTHING_TYPED, loading: Callable[[str], None] = lambda _: None
    ) -> Attempt[Opened]:
        """Begin to open a session there. `loading` gets how far a dump is, in percent, in another thread; what it
        raises ends that.
        """
        return Attempt(lambda: self._opened(destination, typed, loading), destination.patience, Opened.close)

    def _ask(self, destination: Destination) -> Answer:
        opened = self._opened(destination)
        session = opened.session
        try:
            began = time.perf_counter()
            with session.server.pipe() as pipe:
                pipe.call([(b"PING",)], errors="return")
            latency = time.perf_counter() - began
            info = session.info
            refused = {action: why for action in Action if (why := session.permissions.why_nowhere(action))}
            return Answer(
                info.product,
                info.version,
                info.mode,
                info.role,
                info.kind,
                latency,
                session.why_read_only if session.read_only else "",
                refused,
                info.staleness or info.lacking,
            )
        finally:
            opened.close()

    def _opened(
        self, destination: Destination, typed: Typed = NOTHING_TYPED, loading: Callable[[str], None] = lambda _: None
    ) -> Opened:
        """Open a session; blocks. Raises what can go wrong."""
        if destination.fault:
            raise ArchiveTuiError(destination.fault)
        with ExitStack() as stack:
            settings = self._settings(destination, typed.password, stack)
            if typed.passphrase is not None:
                settings = unlocked(settings, typed.key, typed.passphrase)
            session = Session(stack.enter_context(served(settings, lambda _: None, loading)))
            stack.callback(session.close)
            session.open(may_be_empty=True)
            return Opened(session, stack.pop_all())

    def _settings(self, destination: Destination, password: Secret | None, stack: ExitStack) -> Settings:
        if destination.kind is Kind.DEMO and self._demo is not None:
            return resolve(self._common(url=stack.enter_context(self._demo())))
        if destination.kind is Kind.SERVER:
            return resolve(self._local(password))
        if destination.kind is Kind.DUMP:
            return resolve(self._common(dump=destination.file))
        file = self._file or read_settings_file()
        section = file.profiles.get(destination.name)
        return resolve(self._common(profile=destination.name, section=section, password=password), file.path)


def wants_password(error: ArchiveTuiError | None) -> bool:
    """Whether a password that somebody types may help."""
    return isinstance(error, LoginError)


def wants_passphrase(error: ArchiveTuiError | None) -> bool:
    """Whether a passphrase of our key for TLS may help."""
    return isinstance(error, LockedKeyError)
