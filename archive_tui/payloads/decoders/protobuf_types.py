"""Protobuf by a descriptor set: the types of tasks whose schema a profile knows."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from archive_tui.payloads.decoder import Context, Decoded, Fit
from archive_tui.payloads.decoders.protobuf_wire import shortest_single
from archive_tui.payloads.tree import Tree, exact


class TypedProtobufDecoder:
    """Messages of a descriptor set, as `protoc --include_imports --descriptor_set_out` writes it, by type of task."""

    name = "protobuf"

    def __init__(self, descriptor_set: bytes, messages: Mapping[str, str]) -> None:
        """`messages` gives for a pattern of task types (`email:*`) the full name of a message (`acme.mail.Email`); the
        first pattern that fits counts. Raises ValueError for a set that is none, or lacks a message.
        """
        from google.protobuf.descriptor_pb2 import FileDescriptorSet
        from google.protobuf.descriptor_pool import DescriptorPool
        from google.protobuf.message import DecodeError
        from google.protobuf.message_factory import GetMessageClass

        try:
            files = FileDescriptorSet.FromString(descriptor_set).file
        except DecodeError:
            raise ValueError("it is no descriptor set: write one with protoc --descriptor_set_out") from None
        pool = DescriptorPool()
        try:
            for file in files:
                pool.Add(file)
        except TypeError as error:
            raise ValueError(f"it lacks what it imports ({error}): write it with protoc --include_imports") from None
        self._classes: dict[str, Any] = {}
        for pattern, name in messages.items():
            try:
                self._classes[pattern] = GetMessageClass(pool.FindMessageTypeByName(name))
            except KeyError:
                raise ValueError(f"it has no message {name}") from None

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        from google.protobuf.message import DecodeError

        pattern = next((pattern for pattern in self._classes if fnmatchcase(context.task_type, pattern)), None)
        if pattern is None:
            return None
        message = self._classes[pattern]()
        try:
            message.ParseFromString(raw)
        except DecodeError:
            return None
        unknown = sorted(_unknown(message))
        remarks = (f"fields that the descriptor lacks: {', '.join(map(str, unknown))}",) if unknown else ()
        why = f"the profile says {message.DESCRIPTOR.full_name} for {pattern}"
        return Decoded(Fit.LIKELY if unknown else Fit.CERTAIN, why, _tree(message), remarks=remarks)


def _unknown(message: Any) -> set[int]:
    """Numbers of the fields of a message that its type does not have."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    unknown: Any = UnknownFieldSet(message)  # its types lack that it can be iterated
    return {field.field_number for field in unknown}


def _tree(message: Any) -> Tree:
    """The fields that are set, by name, in the order of their numbers."""
    return {field.name: _field(field, value) for field, value in message.ListFields()}


def _field(field: Any, value: Any) -> Tree:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        inner = kind.fields_by_name["value"]
        return {key: _value(inner, value[key]) for key in value}
    return [_value(field, item) for item in value] if field.is_repeated else _value(field, value)


def _value(field: Any, value: Any) -> Tree:
    if field.message_type is not None:
        return _tree(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    if isinstance(value, float):
        return exact(shortest_single(value) if field.type == field.TYPE_FLOAT else value)
    return value
