"""Payloads that are changed: as a text for an editor, or by a path and a new value, and written back in their format.

- `editable`: the door for an editor; a payload as text, and the payload of the text that comes back.
- `assignments`: the door for `payload.region="eu"`, which can be applied to many payloads.
- `json_edit`, `forms`, `msgpack_form`, `cbor_form`, `url_form`, `hex_text`: the formats that can be written back.
- `layers`: the wrappers around a format, taken off and put on again.

What was not changed keeps its bytes, whatever its producer wrote them with. Only a compression gives other bytes for
the same content.
"""
