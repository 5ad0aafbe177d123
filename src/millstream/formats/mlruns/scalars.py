"""The YAML that a `meta.yaml` nearly always is: one `name: value` a line, every value a plain scalar.

The YAML library takes longer for such a file than everything else that is read of a run. What is not of the few
forms below is left to it.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_LINE = re.compile(
    r"""(?!(?:null|true|false|yes|no|on|off):)([a-z_]+):\ (?:
        (-?(?:0|[1-9][0-9]{0,18}))                        # an integer
      | '([\x20-\x26\x28-\x7e]*)'                       # a quoted text without a quote in it
      | (null | \[\])
      | ([A-Za-z0-9/][\w./@%+=-]*(?:[ :][\w./@%+=-]+)*)    # a plain text; what else it may mean is asked below
    )\n""",
    re.ASCII | re.VERBOSE,
)
_MEANINGS: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers


def load_simple(data: bytes) -> dict[str, Any] | None:
    """What the YAML library would make of `data`; None when it is not as simple as that."""
    if not data.isascii():
        return None
    text = data.decode("ascii")
    fields: dict[str, Any] = {}
    place = 0
    while place < len(text):
        line = _LINE.match(text, place)
        if line is None:
            return None
        name, whole, quoted, word, plain = line.groups()
        if whole is not None:
            fields[name] = int(whole)
        elif quoted is not None:
            fields[name] = quoted
        elif word is not None:
            fields[name] = None if word == "null" else []
        elif any(meaning.match(plain) for _, meaning in _MEANINGS.get(plain[0], ())):
            return None
        else:
            fields[name] = plain
        place = line.end()
    return fields or None
