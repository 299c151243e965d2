"""Which keys are hidden: by their names, in whatever case and with whatever signs between their words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archive_tui.payloads.paths import key_text
from archive_tui.payloads.tree import Tree

DEFAULT_KEYS = (
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*pwd",
    "*secret*",
    "*token",
    "*authorization",
    "*cookie",
    "*api_key*",
    "*access_key*",
    "*private_key*",
    "*credential*",
    "jwt",
    "bearer",
    "otp",
    "pin",
    "*card_number",
    "*card_no",
    "cc_number",
    "cvv*",
    "cvc*",
    "security_code",
    "*iban",
    "ssn",
    "*social_security*",
)
"""Keys whose values are hidden where a profile does not say otherwise."""

_BETWEEN = str.maketrans("", "", "_- .")
_PARTS = re.compile(r"[^\w\- ]+")
_KNOWN = 50_000
"""Keys whose answer is remembered."""


class HiddenKeys:
    """Tells keys whose values are hidden. Never changes; any thread may use it."""

    def __init__(self, keys: Iterable[str], exempt: Iterable[str]) -> None:
        """`keys` are hidden but for the `exempt`: names in any case, with `_` and `-` or without, `*` for anything."""
        keys = tuple(keys)
        cores = {max(folded_key(key).split("*"), key=len) for key in keys}
        self.cores = tuple(core for core in cores if not any(one in core for one in cores - {core}))
        """Parts of keys, one of which stands in every text with a key that is hidden, once it is folded."""
        self.answers: Mapping[Any, bool] = _Answers(_pattern(keys), _pattern(exempt), self.cores)
        """Whether a key that is no container is hidden; for whoever asks for very many."""

    def hides(self, key: Tree) -> bool:
        """Tell whether the value of a key is hidden, unless it is open: see `trees.is_open`."""
        try:
            return self.answers[key]
        except TypeError:  # a container that is a key
            return False


class _Answers(dict[Any, bool]):
    """Whether keys are hidden, each found out once."""

    def __init__(
        self, hidden: "re.Pattern[str] | None", exempt: "re.Pattern[str] | None", cores: Sequence[str]
    ) -> None:
        """`cores`: one of them is in every key that is hidden."""
        super().__init__()
        self._hidden, self._exempt, self._cores = hidden, exempt, cores

    def __missing__(self, key: Any) -> bool:
        if len(self) >= _KNOWN:
            self.clear()
        self[key] = answer = self._found_out(key)
        return answer

    def _found_out(self, key: Any) -> bool:
        if self._hidden is None or isinstance(key, list | dict | tuple):
            return False
        text = key_text(key)
        whole = folded_key(text)
        if not any(core in whole for core in self._cores):  # takes a tenth of the time of the pattern
            return False
        names = {whole}
        if not text.isidentifier():
            names |= {folded_key(part) for part in _PARTS.split(text)} - {""}
        if self._exempt is not None and any(map(self._exempt.fullmatch, names)):
            return False
        return any(map(self._hidden.fullmatch, names))


def folded_key(key: str) -> str:
    """Fold a key or a pattern: `api_key`, `API-Key` and `apiKey` are the same."""
    return key.translate(_BETWEEN).lower()


def _pattern(keys: Iterable[str]) -> "re.Pattern[str] | None":
    folded = dict.fromkeys(map(folded_key, keys))
    return re.compile("|".join(re.escape(key).replace(r"\*", ".*") for key in folded), re.DOTALL) if folded else None
