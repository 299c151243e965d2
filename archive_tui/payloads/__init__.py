"""Payloads: what producers put into tasks, decoded. Pure: no I/O, no server, no screen.

The door is `PayloadReader` in `readings`: bytes and a task type in, the readings that fit out, best first. A reading is
a path of wrappers and a format (`base64 › gzip › JSON`), a tree of plain values where the format has one, and a text.

- `tree`: the plain values that every format is decoded to.
- `decoder`: the two protocols behind the door, `Decoder` and `Wrapper`, and the limits that both keep.
- `decoders/`, `wrappers/`: one file for each format, and for each kind of wrapper; `registry` orders them and finds
  plug-ins.
- `writing`: a tree as text.
- `nodes`, `outline`, `meanings`: a tree as rows that fold, made when they are in sight, from whatever source of nodes;
  and what numbers in it stand for.
- `redaction/`: the door to what is shown: readings, errors and headers without the values that a profile hides;
  `masking` does it in text.
- `rendering`, `search`: the views of a payload, as a tree or as lines, and what is found in them.
"""
