"""Trees → matchers. Text is read once, a character at a time, through states that are made when they are needed.

K. Thompson, "Regular expression search algorithm" (1968): all ways through the pattern are followed at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache

from msgspec import Struct

from millstream.formats.patterns.parser import parse_pattern
from millstream.formats.patterns.tree import Chars, Choice, Edge, Pattern, Repeat, Sequence

# So many steps are remembered; a pattern that needs more starts again.
MAX_STEPS = 20_000


@lru_cache(maxsize=64)
def matcher(text: str) -> Callable[[str], bool]:
    """A function that says whether the pattern `text` is found anywhere in its argument."""
    return _Automaton(parse_pattern(text)).find


class _Node(Struct):
    """A place in the pattern: reads a character of `starts`…`ends`, or waits for an edge, or leads on at once."""

    next: tuple[int, ...] = ()
    edge: bool | None = None
    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def reads(self, code: int) -> bool:
        """Whether the character may stand here."""
        place = bisect_right(self.starts, code) - 1
        return place >= 0 and code <= self.ends[place]


class _State:
    """Places reached: `verdict` when what follows does not matter, `at_end` the answer if the text ends here."""

    __slots__ = ("at_end", "places", "steps", "verdict")

    def __init__(self, places: frozenset[int], verdict: bool | None, at_end: bool) -> None:
        self.places = places
        self.verdict = verdict
        self.at_end = at_end
        self.steps: dict[str, _State] = {}


class _Automaton:
    def __init__(self, tree: Pattern) -> None:
        # Node 0 is the end of the pattern.
        self.nodes = [_Node()]
        self.entry = self._build(tree, 0)
        self._forget()

    def _forget(self) -> None:
        self.states: dict[frozenset[int], _State] = {}
        self.made = 0
        self.first = self._state([self.entry], at_start=True)

    def find(self, text: str) -> bool:
        """Whether the pattern is somewhere in `text`."""
        if self.made > MAX_STEPS:
            self._forget()
        state = self.first
        for character in text:
            if state.verdict is not None:
                return state.verdict
            following = state.steps.get(character)
            state = self._step(state, character) if following is None else following
        return state.at_end

    def _step(self, state: _State, character: str) -> _State:
        code = ord(character)
        nodes = self.nodes
        reached = [
            node.next[0] for node in (nodes[place] for place in state.places) if node.starts and node.reads(code)
        ]
        found = self._state([*reached, self.entry], at_start=False)
        self.made += 1
        if self.made <= MAX_STEPS:
            state.steps[character] = found
        return found

    def _state(self, places: list[int], *, at_start: bool) -> _State:
        reached = self._reach(places, at_start, at_end=False)
        known = None if at_start else self.states.get(reached)
        if known is None:
            verdict = True if 0 in reached else None if reached else False
            at_end = verdict is True or 0 in self._reach(places, at_start, at_end=True)
            known = _State(reached, verdict, at_end)
            if not at_start and self.made <= MAX_STEPS:
                self.states[reached] = known
        return known

    def _reach(self, places: Iterable[int], at_start: bool, at_end: bool) -> frozenset[int]:
        """Places that read a character or wait for the end, and 0, that are reached without reading."""
        seen: set[int] = set()
        todo = list(places)
        while todo:
            place = todo.pop()
            if place in seen:
                continue
            seen.add(place)
            node = self.nodes[place]
            if not node.starts and (node.edge is None or (at_end if node.edge else at_start)):
                todo += node.next
        return frozenset(place for place in seen if place == 0 or self._waits(self.nodes[place]))

    @staticmethod
    def _waits(node: _Node) -> bool:
        return bool(node.starts) or node.edge is True

    def _add(self, node: _Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _build(self, tree: Pattern, following: int) -> int:
        """The place where `tree` begins, when `following` is where it leads."""
        match tree:
            case Chars(ranges):
                starts, ends = zip(*ranges, strict=True) if ranges else ((0,), (-1,))
                return self._add(_Node((following,), None, starts, ends))
            case Edge(end):
                return self._add(_Node((following,), end))
            case Sequence(items):
                for item in reversed(items):
                    following = self._build(item, following)
                return following
            case Choice(items):
                return self._add(_Node(tuple(self._build(item, following) for item in items)))
            case Repeat():
                return self._repeat(tree, following)

    def _repeat(self, tree: Repeat, following: int) -> int:
        if tree.high is None:
            turn = self._add(_Node())
            self.nodes[turn].next = (self._build(tree.item, turn), following)
            following = turn
        else:
            after = following
            for _ in range(tree.high - tree.low):
                following = self._add(_Node((self._build(tree.item, following), after)))
        for _ in range(tree.low):
            following = self._build(tree.item, following)
        return following
