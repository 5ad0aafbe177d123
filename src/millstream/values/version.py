"""The version of Millstream, readable without asking the installed package's metadata (which takes 50 ms)."""

from __future__ import annotations

VERSION = "0.1.0"
