"""The refusal of an edit: a payload that cannot be written back, or a text that is not what it should be."""


class EditError(ValueError):
    """The edit cannot be made; the message is one sentence, which may quote the payload."""


class SyntaxFault(EditError):  # noqa: N818  # an answer, not an error of the program
    """A text that came back from an editor does not read in its format; the message says where: line and column."""


class NothingThere(EditError):  # noqa: N818  # an answer, not an error of the program
    """A path leads to nothing, and nothing can be added where it ends."""
