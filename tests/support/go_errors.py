"""Errors as Go programs write them, each with the signature under which it is counted.

They follow the forms of the standard library, of database drivers and of cloud clients; names and numbers are made up.
"""

GROUPS: dict[str, tuple[str, ...]] = {
    # Network
    "dial tcp <host>: connect: connection refused": (
        "dial tcp 10.0.0.7:5432: connect: connection refused",
        "dial tcp [2001:db8::7]:5432: connect: connection refused",
        "dial tcp [fe80::1%eth0]:6379: connect: connection refused",
        "dial tcp db-2.internal.example.org:5432: connect: connection refused",
    ),
    "dial tcp: lookup db.internal on <host>: no such host": (
        "dial tcp: lookup db.internal on 127.0.0.53:53: no such host",
        "dial tcp: lookup db.internal on 10.96.0.10:53: no such host",
    ),
    "read tcp <host>-><host>: read: connection reset by peer": (
        "read tcp 10.0.0.5:43210->10.0.0.7:6379: read: connection reset by peer",
        "read tcp [::1]:50114->[::1]:6379: read: connection reset by peer",
    ),
    "write tcp <host>-><host>: write: broken pipe": ("write tcp 10.1.4.2:51832->10.1.4.9:443: write: broken pipe",),
    "dial tcp <host>: i/o timeout": ("dial tcp 192.0.2.10:25: i/o timeout", "dial tcp 192.0.2.11:587: i/o timeout"),
    "no route to <host>": ("no route to 2001:db8::8a2e:370:7334", "no route to ::1", "no route to 10.8.0.1",
        "no route to 2001:db8:0:1:1:1:1:1", "no route to fe80::42%eth0", "no route to ::ffff:10.0.0.7",
        "no route to 2001:db8::"),
    "Post <quoted>: context deadline exceeded (Client.Timeout exceeded while awaiting headers)": (
        'Post "https://api.example.org/v1/charges/42": context deadline exceeded (Client.Timeout exceeded while '
        "awaiting headers)",
        'Post "http://10.0.0.9:8080/hook?id=7": context deadline exceeded (Client.Timeout exceeded while awaiting '
        "headers)",
    ),
    "GET <url> : unexpected status <n>": (
        "GET https://api.example.org/users/42 : unexpected status 502",
        "GET http://10.0.0.9:8080/ : unexpected status 503",
    ),
    "GET <path>: <n> Not Found": ("GET /users/42/orders: 404 Not Found", "GET /users/43/orders/: 404 Not Found"),
    "x509: certificate has expired or is not yet valid: current time <time> is after <time>": (
        "x509: certificate has expired or is not yet valid: current time 2026-11-23T02:00:00Z is after "
        "2026-11-22T23:59:59Z",
        "x509: certificate has expired or is not yet valid: current time 2026-11-23T03:00:00+01:00 is after "
        "2026-11-20T12:00:00.5+01:00",
    ),
    "x509: certificate is valid for <host>, not <host>": ("x509: certificate is valid for 10.0.0.1, not 10.0.0.2",),
    # Contexts and times
    "context deadline exceeded": ("context deadline exceeded",),
    "context canceled": ("context canceled",),
    "no answer after <duration>": ("no answer after 1m30.5s", "no answer after 250ms", "no answer after 2h45m0s",
        "no answer after 5µs", "no answer after 0s", "no answer after 30s", "no answer after 1.5h"),
    "lease ran out <duration> ago, at <time>": (
        "lease ran out -1.5s ago, at 2026-11-23 02:00:00.123456 +0000 UTC m=+12.345678",
        "lease ran out 12m ago, at 2026-11-23 02:00:00",
        "lease ran out 12m0s ago, at 2026-11-23T02:00:00.123456789+02:00",
        "lease ran out 300ns ago, at 20261123T020000Z",
        "lease ran out 3h ago, at Mon, 23 Nov 2026 02:00:00 GMT",
        "lease ran out 3h ago, at 2026-11-23",
    ),
    "parsing time <quoted> as <quoted>: cannot parse <quoted> as <quoted>": (
        'parsing time "2026-13-01" as "2006-01-02": cannot parse "13-01" as "01"',
        'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ),
    "retry in <n> s": ("retry in 30 s", "retry in 2.5 s", "retry in 1,000 s", "retry in 1.5e+06 s"),
    # Quotes and apostrophes
    "can't connect: didn't respond": ("can't connect: didn't respond",),
    "can't log in: didn't respond": ("can't log in: didn't respond",),
    "can't open <quoted>": ("can't open 'orders'", "can't open 'Bob's orders'", 'can\'t open "orders"',
        "can't open `o`",
        'can\'t open "say \\"hi\\" twice"', "can't open “orders”"),
    "the users' table isn't there": ("the users' table isn't there",),
    "strconv.Atoi: parsing <quoted>: invalid syntax": (
        'strconv.Atoi: parsing "12a": invalid syntax', 'strconv.Atoi: parsing "": invalid syntax',
    ),
    "json: cannot unmarshal string into Go struct field Order.total of type float64": (
        "json: cannot unmarshal string into Go struct field Order.total of type float64",
    ),
    "invalid character <quoted> looking for beginning of value": (
        "invalid character '<' looking for beginning of value", "invalid character 'x' looking for beginning of value",
    ),
    "unknown field <quoted> in <quoted>": (
        'unknown field "a" in "{\\"a\\":1}"', 'unknown field "b-c" in "{\\"b-c\\":[true]}"',
    ),
    # Ids
    "order <id> not found": (
        "order 6a1f2f9e-1f0e-4d1b-9d6c-0123456789ab not found",
        "order 6A1F2F9E-1F0E-4D1B-9D6C-0123456789AB not found",
        "order 01ARZ3NDEKTSV4RRFFQ69G5FAV not found",
        "order 01arz3ndektsv4rrffq69g5fav not found",
        "order 0ujtsYcgvSTl8PAuAdqWYSMnLOv not found",
        "order 1srOrx2ZWZBpBUvZwXKQmoEYga2 not found",
        "order 9m4e2mr0ui3e8a215n4g not found",
    ),
    "commit <hex> not found": (
        "commit 9f8e7d6c5b4a not found", "commit 9F8E7D6C5B4A not found",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709 not found", "commit C0FFEE01 not found",
        "commit 507f1f77bcf86cd799439011 not found",
    ),
    "task_<id> is gone": ("task_6a1f2f9e-1f0e-4d1b-9d6c-0123456789ab is gone",),
    "mail to <email> bounced: <n> <n> user unknown": (
        "mail to ada@example.org bounced: 550 5.1.1 user unknown",
        "mail to grace.hopper+orders@mail.example.co.uk bounced: 550 5.1.1 user unknown",
    ),
    "worker-<n>: shard <n>/<n> is busy": ("worker-3: shard 4/16 is busy", "worker-12: shard 15/16 is busy"),
    "device <hex> is offline": ("device 00:1a:2b:3c:4d:5e is offline", "device 0xDEADBEEF is offline"),
    # Files
    "open <path>: no such file or directory": (
        "open /var/lib/app/42.json: no such file or directory",
        "open /tmp/upload-9f3/Ünï.pdf: no such file or directory",
        "open ./data/x.csv: no such file or directory",
        "open ../x: no such file or directory",
        "open ~/x/y.toml: no such file or directory",
        "open /tmp: no such file or directory",
        "open C:\\Users\\ada\\x.txt: no such file or directory",
    ),
    "exec: <quoted>: executable file not found in $PATH": ('exec: "wkhtmltopdf": executable file not found in $PATH',),
    "unsupported media type application/json; read/write and/or i/o error": (
        "unsupported media type application/json; read/write and/or i/o error",
    ),
    "unexpected </html> at <n>:<n>": ("unexpected </html> at 12:7", "unexpected </html> at 3:18"),
    # The runtime
    "panic: runtime error: index out of range [<n>] with length <n>": (
        "panic: runtime error: index out of range [5] with length 3",
        "panic: runtime error: index out of range [-1] with length 0",
    ),
    "panic: runtime error: invalid memory address or nil pointer dereference": (
        "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV]",
    ),
    "[signal SIGSEGV: segmentation violation code=<hex> addr=<hex> pc=<hex>]": (
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a5b6c]",
        "[signal SIGSEGV: segmentation violation code=0x2 addr=0x18 pc=0x7ffee1]",
    ),
    "goroutine <n> [running]: main.(*Worker).run(<hex>)": (
        "goroutine 18 [running]: main.(*Worker).run(0xc0001a2000)",
        "goroutine 1204 [running]: main.(*Worker).run(0xc000fe2180)",
    ),
    "main.go:<n> +<hex>": ("main.go:42 +0x1d5", "main.go:7 +0x9"),
    "<path>:<n> +<hex>": ("/app/internal/mail/send.go:42 +0x1d5", "/go/pkg/mod/a.org/b@v1.2.3/c.go:7 +0x9"),
    "cannot store &{<hex> <nil>}": ("cannot store &{0xc00001 <nil>}", "cannot store &{0xc00f2a8000 <nil>}"),
    # Databases and services
    "pq: duplicate key value violates unique constraint <quoted>": (
        'pq: duplicate key value violates unique constraint "orders_pkey"',
        'pq: duplicate key value violates unique constraint "users_email_key"',
    ),
    "ERROR: deadlock detected (SQLSTATE <n>P01)": ("ERROR: deadlock detected (SQLSTATE 40P01)",),
    "Error <n> (<n>): Deadlock found when trying to get lock; try restarting transaction": (
        "Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction",
    ),
    "rpc error: code = Unavailable desc = connection error: desc = <quoted>": (
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp '
        '10.0.0.3:443: connect: connection refused"',
        'rpc error: code = Unavailable desc = connection error: desc = "error reading server preface: EOF"',
    ),
    "MOVED <n> <host>": ("MOVED 3999 127.0.0.1:6381", "MOVED 12 10.0.0.8:6379"),
    "api error NoSuchKey: status <n>, request id <id>": (
        "api error NoSuchKey: status 404, request id 7G5Z2NWQ1EXAMPLE9KQ2",
        "api error NoSuchKey: status 404, request id 4442587FB7D0A2F9zzQQ",
    ),
    "std::bad_alloc in v1.2.3 of node01 (x86_64)": ("std::bad_alloc in v1.2.3 of node01 (x86_64)",),
    "": ("",),
}  # fmt: skip
"""Errors by signature."""
