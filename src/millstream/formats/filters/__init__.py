"""The search language: MLflow's filters and order_by, with OR, NOT and parentheses besides. Text in, small tree out."""

from __future__ import annotations

from millstream.formats.filters.grammar import parse_filter
from millstream.formats.filters.ordering import parse_order
from millstream.formats.filters.printing import print_filter, print_order
from millstream.formats.filters.tree import And, Comparison, Node, Not, Or, OrderKey
from millstream.formats.filters.vocabulary import EXPERIMENTS, LOGGED_MODELS, MODELS, RUNS, VERSIONS, Vocabulary

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODELS",
    "RUNS",
    "VERSIONS",
    "And",
    "Comparison",
    "Node",
    "Not",
    "Or",
    "OrderKey",
    "Vocabulary",
    "parse_filter",
    "parse_order",
    "print_filter",
    "print_order",
]
