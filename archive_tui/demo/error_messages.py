"""Error messages of the made-up installation, as Go programs write them, with their variable parts."""

from collections.abc import Callable
from random import Random

ErrorMaker = Callable[[Random], str]
"""Makes one error message."""


def any_of(*weighted: tuple[int, ErrorMaker]) -> ErrorMaker:
    """One of several error messages, each as often as its weight says."""
    weights = [weight for weight, _ in weighted]
    makers = [maker for _, maker in weighted]
    return lambda random: random.choices(makers, weights)[0](random)


def refused(random: Random) -> str:
    """The mail relay is down."""
    return f"dial tcp 10.0.{random.randrange(4)}.{random.randrange(1, 250)}:587: connect: connection refused"


def deadline(_random: Random) -> str:
    """The handler took longer than the task's timeout."""
    return "context deadline exceeded"


def greylisted(random: Random) -> str:
    """The other mail server does not want the message now."""
    return f"421 4.7.0 mx{random.randrange(9)}.example.net: try again later (id {random.getrandbits(48):012x})"


def certificate(_random: Random) -> str:
    """Somebody forgot to renew."""
    return (
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: "
        "current time 2026-09-02T04:11:08Z is after 2026-09-01T23:59:59Z"
    )


def duplicate(_random: Random) -> str:
    """A unique constraint of PostgreSQL."""
    return 'pq: duplicate key value violates unique constraint "users_email_key"'


def deadlock(random: Random) -> str:
    """Two transactions of PostgreSQL wait for each other."""
    one, other = random.randrange(10_000, 60_000), random.randrange(10_000, 60_000)
    transaction = random.getrandbits(30)
    return f"pq: deadlock detected (process {one} waits for ShareLock on transaction {transaction}; blocked by {other})"


def missing_file(random: Random) -> str:
    """A file that a cleaning job was faster to remove."""
    path = f"/var/lib/reports/2026/{random.randint(1, 12):02}/{random.getrandbits(64):016x}.csv"
    return f"open {path}: no such file or directory"


def unavailable(random: Random) -> str:
    """Another service is overloaded."""
    url = f"https://api.partner-{random.randrange(5)}.example/v2/events"
    return f"HTTP 503 from {url}: upstream overloaded (request {random.getrandbits(64):016x})"


def limited(random: Random) -> str:
    """Another service counts our requests."""
    return f"HTTP 429 Too Many Requests: retry after {random.choice((1, 5, 30, 60))}s"


def malformed(random: Random) -> str:
    """A payload that its handler cannot read, which Asynq is told not to try again."""
    place = f"Go struct field Event.amount at offset {random.randrange(20, 400)}"
    return f"json: cannot unmarshal string into {place}: skip retry for the task"


def unknown_picture(_random: Random) -> str:
    """A picture that is none."""
    return "image: unknown format"


def lease_expired(_random: Random) -> str:
    """The worker was lost while it had the task; Asynq's own words."""
    return "asynq: task lease expired"


def panic(random: Random) -> str:
    """A handler that panicked, as Asynq recovers it: one line."""
    return (
        f"panic [/app/internal/orders/handler.go:{random.randrange(40, 400)}]: "
        f"runtime error: index out of range [{random.randrange(3, 9)}] with length 3"
    )


def panic_with_stack(random: Random) -> str:
    """A handler that wraps its own panics, stack and all: many lines, with tabs."""
    goroutine, line = random.randrange(20, 9000), random.randrange(40, 400)
    address, counter, pointer = random.randrange(64), random.getrandbits(24), f"0xc{random.getrandbits(36):09x}"
    return "\n".join(
        (
            "panic: runtime error: invalid memory address or nil pointer dereference",
            f"[signal SIGSEGV: segmentation violation code=0x1 addr=0x{address:x} pc=0x{counter:x}]",
            "",
            f"goroutine {goroutine} [running]:",
            f"example.com/shop/internal/report.(*Renderer).Table(0x0, {{{pointer}, 0x2c}})",
            f"\t/app/internal/report/table.go:{line} +0x1d",
            f"example.com/shop/internal/report.Generate({{0x{counter:x}, {pointer}}})",
            f"\t/app/internal/report/generate.go:{line + 12} +0x3f4",
            "github.com/hibiken/asynq.HandlerFunc.ProcessTask(...)",
            "\t/go/pkg/mod/github.com/hibiken/asynq@v0.24.1/server.go:583",
            "created by github.com/hibiken/asynq.(*processor).exec in goroutine 31",
            "\t/go/pkg/mod/github.com/hibiken/asynq@v0.24.1/processor.go:181 +0x3b6",
        )
    )


def long_winded(random: Random) -> str:
    """A whole SQL statement in one line of about 6,000 characters."""
    values = ", ".join(f"({random.getrandbits(40)}, 'user{random.randrange(10_000)}@example.com')" for _ in range(150))
    return (
        f'pq: value too long for type character varying(64): INSERT INTO "recipients" ("id", "email") VALUES {values}'
    )


mail = any_of((60, refused), (14, deadline), (12, greylisted), (6, certificate), (2, lease_expired), (1, panic))
reporting = any_of(
    (34, deadline), (30, missing_file), (18, duplicate), (10, panic_with_stack), (4, deadlock), (1, long_winded)
)
calls = any_of((50, unavailable), (20, limited), (20, deadline), (10, malformed))
pictures = any_of((40, unavailable), (25, unknown_picture), (20, missing_file), (10, deadline), (5, panic))
records = any_of((40, duplicate), (25, deadlock), (20, deadline), (8, panic_with_stack), (4, lease_expired))
