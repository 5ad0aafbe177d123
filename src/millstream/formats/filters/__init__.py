"""The search language: MLflow's filters and order_by, and more. Text in, small tree out; see docs/search.md."""

from __future__ import annotations

from millstream.formats.filters.columns import parse_columns
from millstream.formats.filters.grammar import parse_filter
from millstream.formats.filters.ordering import parse_key, parse_order
from millstream.formats.filters.printing import print_filter, print_order
from millstream.formats.filters.tree import And, Columns, Comparison, Node, Not, Or, OrderKey
from millstream.formats.filters.vocabulary import EXPERIMENTS, LOGGED_MODELS, MODELS, NUMBER, RUNS, VERSIONS, Vocabulary

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODELS",
    "NUMBER",
    "RUNS",
    "VERSIONS",
    "And",
    "Columns",
    "Comparison",
    "Node",
    "Not",
    "Or",
    "OrderKey",
    "Vocabulary",
    "parse_columns",
    "parse_filter",
    "parse_key",
    "parse_order",
    "print_filter",
    "print_order",
]
