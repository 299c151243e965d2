"""Trees of payloads, compared node by node."""

from archive_tui.payloads.nodes import Node, walk


def same_nodes(large: Node, whole: Node) -> None:
    """Assert that a tree whose nodes are decoded when they are asked for is one that was decoded whole."""
    ours, theirs = list(walk(large)), list(walk(whole))
    assert [(where, node.step, node.kind, len(node)) for where, node in ours] == [
        (where, node.step, node.kind, len(node)) for where, node in theirs
    ]
    for (_, mine), (_, other) in zip(ours, theirs, strict=True):
        if not len(mine):
            assert mine.text() == other.text()
    for position in range(len(large)):
        assert [node.step for node in large.children(position, position + 1)] == [
            node.step for node in whole.children(position, position + 1)
        ]
