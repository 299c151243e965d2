#!/usr/bin/env bash
# Keys that reach a Textual app in one packet are not handled in their order: letters overtake the keys that edit.
#
# Seen with Textual 8.2.8 (PyPI) on Python 3.11.
#
# What one expects: a terminal is a stream. Whether the bytes `abx`, backspace, `c` come one by one or in one read, an input
# line ends up with `abc`.
#
# What happens: a letter goes straight to the widget with the focus. A key that is bound to an action, as backspace, left
# and ctrl+u are, climbs from there message by message to the app, which then runs the action. The letters behind it in
# the same packet are in the line by then, so the action works on them, too.
#
# Output seen:
#   abx backspace c: one by one "abc", in one packet "abx"
#   abc ctrl+u def:  one by one "def", in one packet ""
#   ac left b:       one by one "abc", in one packet "acb"
#
# Why it matters: over SSH a link that stalls for a moment delivers in one piece what was typed meanwhile, and so does every
# script that sends keys to a terminal. A corrected count or name is then another one, without a sign. A test that presses
# keys one after the other never sees it. Takes some seconds.
set -euo pipefail

work=$(mktemp -d)
installed=
cleanup() {
  status=$?
  if ((status > 1)) || [[ $status == 1 && -z $installed ]]; then
    echo "It could not be tried." >&2
    status=2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check textual==8.2.8
cat >"$work/form.py" <<'PY'
"""One input line; enter writes it to the file that is named, and ends."""

import sys
from pathlib import Path

from textual.app import App
from textual.widgets import Input


class Form(App):
    def compose(self):
        yield Input()

    def on_mount(self):
        self.query_one(Input).focus()
        self.call_after_refresh(Path(sys.argv[1] + ".ready").touch)

    def on_input_submitted(self, event):
        Path(sys.argv[1]).write_text(event.value)
        self.exit()


Form().run()
PY
cat >"$work/type.py" <<'PY'
"""Type into the form through a terminal of its own, slowly and in one packet."""

import os
import pty
import sys
import threading
import time
from pathlib import Path


def typed(packets, result):
    ready = Path(f"{result}.ready")
    child, terminal = pty.fork()
    if not child:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, str(result.with_name("form.py")), str(result)])

    def read_on():
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:
            pass

    threading.Thread(target=read_on, daemon=True).start()
    while not ready.exists():
        time.sleep(0.05)
    for packet in [*packets, b"\r"]:
        time.sleep(0.4)
        os.write(terminal, packet)
    os.waitpid(child, 0)
    ready.unlink()
    return result.read_text()


for name, keys in (
    ("abx backspace c", [b"a", b"b", b"x", b"\x7f", b"c"]),
    ("abc ctrl+u def", [b"a", b"b", b"c", b"\x15", b"d", b"e", b"f"]),
    ("ac left b", [b"a", b"c", b"\x1b[D", b"b"]),
):
    slowly, at_once = typed(keys, Path(sys.argv[1])), typed([b"".join(keys)], Path(sys.argv[1]))
    print(f'{name}: one by one "{slowly}", in one packet "{at_once}"', flush=True)
PY
installed=yes
"$work/venv/bin/python" "$work/type.py" "$work/result" | tee "$work/out"
if [[ $(grep -cE 'one by one "(abc|def)"' "$work/out") != 3 ]]; then
  echo "CHANGED: not even keys that come one by one give what was typed."
  exit 1
fi
if grep -qE 'one by one "(.*)", in one packet "\1"' "$work/out"; then
  echo "CHANGED: keys in one packet are handled in their order."
  exit 1
fi
echo "Still so: what is typed depends on how the bytes are cut into packets."
