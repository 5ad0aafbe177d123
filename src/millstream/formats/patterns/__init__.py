"""Regular expressions whose cost is known: no backtracking, so the time is linear in the text, whatever the pattern.

The language is the part of what everybody knows that an automaton can decide: no references back, no looking around.
"""

from __future__ import annotations

from millstream.formats.patterns.automaton import matcher
from millstream.formats.patterns.parser import parse_pattern
from millstream.formats.patterns.printing import print_pattern

__all__ = ["matcher", "parse_pattern", "print_pattern"]
