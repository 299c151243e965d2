"""Trees without the values under hidden keys: whole, along a path, or node by node as an outline asks for them."""

from collections.abc import Iterator, Sequence
from operator import is_

from archive_tui.payloads.masking import MASK
from archive_tui.payloads.nodes import Kind, Node, TreeNode
from archive_tui.payloads.paths import Every, Path, key_text
from archive_tui.payloads.redaction.keys import HiddenKeys
from archive_tui.payloads.redaction.texts import TextMask
from archive_tui.payloads.sieve import Sieve
from archive_tui.payloads.tree import NO_TREE, Pairs, Tree

Hidden = list[tuple[str, Tree]]
"""Keys that are hidden with their values; a key is empty for what a pattern found, and a value `NO_TREE` where nobody
knows it.
"""

_SIZED = (str, bytes, dict, list, tuple)

_OPEN_WORDS = ("", "null", "true", "false")
"""The values that hide nothing, as text."""

_NAMELESS = ("signature", "words")
"""What holds the proof of a JSON Web Token, and the nameless values of Go's gob."""


def is_open(value: Tree) -> bool:
    """Tell whether a value hides nothing, whatever its key: null, true, false, and what is empty."""
    return value is None or value is True or value is False or (isinstance(value, _SIZED) and not value)


class TreeMask:
    """Masks trees. Never changes; any thread may use it."""

    def __init__(self, keys: HiddenKeys, texts: TextMask) -> None:
        self._keys, self._texts = keys, texts

    def masked(self, tree: Tree) -> Tree:
        """The tree without what is hidden. It is the same one where nothing is, and parts of it may be: do not change
        it. At most `Limits.depth` deep.
        """
        return self._masked(self._without_proof(tree, None), None)

    def noted(self, tree: Tree, hidden: Hidden) -> Tree:
        """The same, adding what is masked to `hidden`."""
        return self._masked(self._without_proof(tree, hidden), hidden)

    def value(self, key: Tree, value: Tree) -> Tree:
        """What is shown of the value of one key: a value, or a container, whose own values are asked for likewise."""
        if self._keys.hides(key) and not is_open(value):
            return MASK
        return self.leaf(value)

    def values(self, path: Path, tree: Tree) -> Iterator[Tree]:
        """What is shown of the values to which a path leads."""
        if tree is NO_TREE:
            return
        tree = self._without_proof(tree, None)
        if any(isinstance(step, str) and self._keys.hides(step) for step in path.steps):
            yield from (value if is_open(value) else MASK for value in path.values(tree))
        elif any(isinstance(step, Every) for step in path.steps):
            yield from path.values(self.masked(tree))
        else:
            yield from map(self.masked, path.values(tree))

    def hides_at(self, path: Path, value: str) -> bool:
        """Tell whether a value at a path, as text, may be hidden: without its payload nobody knows which keys `[*]` has
        met, nor whether it was one whose values have no names.
        """
        hidden = any(isinstance(step, Every) or self._keys.hides(step) for step in path.steps)
        if hidden or path.steps[0] in _NAMELESS:
            return value not in _OPEN_WORDS
        return self._texts.text(value) != value

    def node(self, node: Node) -> Node:
        """A node whose values are masked as they are asked for, however large the payload is."""
        return _MaskedNode(node, self, self._keys, self._texts)

    def _without_proof(self, tree: Tree, hidden: Hidden | None) -> Tree:
        """The tree of a JSON Web Token without its signature, which is its proof; that of Go's gob, whose values have
        no names, without any value where a name is hidden. Every other tree as it is.
        """
        if type(tree) is not dict or len(tree) not in (2, 3):
            return tree
        if tree.keys() == {"header", "claims", "signature"} and isinstance(tree["signature"], bytes):
            if not tree["signature"]:
                return tree
            found: Hidden = [("signature", tree["signature"])]
            tree = {**tree, "signature": MASK}
        elif tree.keys() == {"names", "words"} and isinstance(tree["names"], list) and isinstance(tree["words"], list):
            found = [(name, NO_TREE) for name in tree["names"] if isinstance(name, str) and self._keys.hides(name)]
            if not found:
                return tree
            tree = {**tree, "words": [MASK for _ in tree["words"]]}
        else:
            return tree
        if hidden is not None:
            hidden += found
        return tree

    def leaf(self, value: Tree) -> Tree:
        """What is shown of a value that holds no others, whatever its key."""
        if isinstance(value, str):
            return self._texts.text(value)
        return self._texts.raw(value) if isinstance(value, bytes) else value

    def _masked(self, node: Tree, hidden: Hidden | None) -> Tree:
        """Mask a node; what is masked is added to `hidden`, with its key."""
        if type(node) is dict:
            copy: dict[Tree, Tree] | None = None
            answers = self._keys.answers
            for key, value in node.items():
                if answers[key] and not is_open(value):
                    new: Tree = MASK
                    if hidden is not None:
                        hidden.append((key_text(key), value))
                else:
                    new = self._masked(value, hidden)
                if new is not value:
                    if copy is None:
                        copy = dict(node)
                    copy[key] = new
            return node if copy is None else copy
        if type(node) is list:
            items = [self._masked(value, hidden) for value in node]
            return node if all(map(is_, items, node)) else items
        if type(node) is Pairs:
            pairs = []
            for key, value in node:
                if self._keys.hides(key) and not is_open(value):
                    pairs.append((key, MASK))
                    if hidden is not None:
                        hidden.append((key_text(key), value))
                else:
                    pairs.append((key, self._masked(value, hidden)))
            return node if all(new[1] is old[1] for new, old in zip(pairs, node, strict=True)) else Pairs(pairs)
        if type(node) is str or type(node) is bytes:
            shown = self.leaf(node)
            if shown is not node and hidden is not None:
                hidden.append(("", node))
            return shown
        return node


class _MaskedNode:
    """A node of a payload, masked."""

    __slots__ = ("_keys", "_masks", "_node", "_texts", "kind", "step")

    def __init__(self, node: Node, masks: TreeMask, keys: HiddenKeys, texts: TextMask) -> None:
        self._node, self._masks, self._keys, self._texts = node, masks, keys, texts
        self.step = node.step
        self.kind = node.kind

    def __len__(self) -> int:
        return len(self._node)

    def children(self, start: int, stop: int) -> Sequence[Node]:
        return [self._child(child) for child in self._node.children(start, stop)]

    def _child(self, child: Node) -> Node:
        if isinstance(child.step, str) and self._keys.hides(child.step):
            holds = len(child) or (child.kind in (Kind.TEXT, Kind.NUMBER, Kind.BYTES) and child.text())
            return TreeNode(MASK, child.step) if holds else child
        return _MaskedNode(child, self._masks, self._keys, self._texts)

    def may_hold(self, sieve: Sieve) -> bool:
        return self._node.may_hold(sieve) or sieve.json(MASK.encode())

    def text(self) -> str:
        text = self._node.text()
        if self.kind is Kind.BYTES:
            return self._texts.raw(bytes.fromhex(text)).hex()
        return self._texts.text(text) if self.kind is Kind.TEXT else text

    def value(self) -> Tree:
        return self._masks.masked(self._node.value())
