"""Namespaces: what stands before the first `:{queue}` in the keys of an installation."""

from archive_tui.errors import UsageError

DEFAULT_NAMESPACE = "asynq"
"""The namespace that Asynq writes (`internal/base/base.go`, 0.17 to 0.26); it has no setting for another."""

_LIKE = "write what stands before :{queue} in the keys, such as billing:asynq"


def parse_namespace(text: str) -> str:
    """Read a namespace that somebody named, wherever they did. Raises UsageError."""
    if reason := why_not(text):
        raise UsageError(reason)
    return text


def why_not(text: str) -> str:
    """Why a text is no namespace, in a sentence that does not repeat it; empty where it is one."""
    if not text.strip():
        return f"the namespace is empty: {_LIKE}"
    if "{" in text or "}" in text:  # the first braces of a key are its hash tag, which is for the queue
        return f"the namespace has braces, which only the name of the queue has in a key: {_LIKE}"
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):
        return f"the namespace has a control character in it: {_LIKE}"
    if text.endswith(":"):
        return "the namespace ends with a colon, which every key adds by itself: leave it out, as in billing:asynq"
    return ""


def namespace_field(namespace: str) -> dict[str, str]:
    """The field `namespace` of what programs read; none for Asynq's own."""
    return {} if namespace == DEFAULT_NAMESPACE else {"namespace": namespace}


def place(address: str, namespace: str) -> str:
    """A server's address with the namespace, for people; the address alone for Asynq's own."""
    return address if namespace == DEFAULT_NAMESPACE else f"{address}, namespace {namespace}"
