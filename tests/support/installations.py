"""Made-up installations of Asynq, drawn by Hypothesis."""

from dataclasses import dataclass

from hypothesis import strategies as st

from support import asynq_data
from support.asynq_data import NOW
from support.servers import Live

QUEUES = ["default", "q*", "[q]?", "a b", "{x}", "caf\udce9", "\x1b[31m\n", "default:t:"]


IDS = [b"1", b"two", b"a\nb", b"\x1b]0;x\x07", b"\xff\xfe", b"x" * 300, b"", b"*", b"t:1", b"}", b"1\x002"]


INDEXES = [*asynq_data.STATES, "lease", "deadlines", "staged"]


@dataclass(frozen=True)
class Planted:
    """One task of a made-up installation: which state its data names, and in which indexes its id stands."""

    queue: str
    id: bytes
    state: str
    stands_in: frozenset[str]
    form: str

    def plant(self, live: Live) -> None:
        key = asynq_data.key(self.queue, self.id)
        if self.form == "string":
            live.client.set(key, self.state)
        elif self.form == "list":
            live.client.lpush(key, self.state)
        elif self.form == "without message":
            live.client.hset(key, "state", self.state)
        elif self.form == "without state":
            live.client.hset(key, "msg", b"\x0a\x01a")
        else:
            message = b"\xff\xff" if self.form == "undecodable" else None
            live.asynq.add(self.queue, self.id, self.state, referenced=False, message=message)
        for index in self.stands_in:
            if index in ("lease", "deadlines"):
                live.client.zadd(asynq_data.prefix(self.queue) + index.encode(), {self.id: NOW})
            elif index == "staged":  # a group that is being aggregated
                staged = asynq_data.prefix(self.queue) + b"g:g1:set"
                live.client.zadd(staged, {self.id: NOW})
                live.client.zadd(asynq_data.prefix(self.queue) + b"aggregation_sets", {staged: NOW})
            else:
                live.asynq.refer(self.queue, self.id, index)


FORMS = st.sampled_from(["whole"] * 8 + ["string", "list", "without message", "without state", "undecodable"])


STATES = st.sampled_from([*asynq_data.STATES, "archived", "archived", "completed", "nonsense"])


@st.composite
def planted(draw: st.DrawFn) -> Planted:
    state = draw(STATES)
    own = {state} & set(INDEXES)
    stands_in = draw(st.sampled_from([own, own, set(), set(), {draw(st.sampled_from(INDEXES))}]))
    return Planted(draw(st.sampled_from(QUEUES)), draw(st.sampled_from(IDS)), state, frozenset(stands_in), draw(FORMS))


INSTALLATIONS = st.lists(planted(), max_size=30, unique_by=lambda task: (task.queue, task.id))
