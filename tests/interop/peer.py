"""A process that carries out `verbs` with one library: ``python peer.py mlflow`` or ``python peer.py millstream``.

Reads one JSON request a line from stdin, ``{"call": name, "arguments": {…}}``, writes one JSON answer a line to
stdout. Loading the real MLflow takes seconds, so one process serves a whole test session.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(__file__), "..", "golden")]

import auth_verbs  # noqa: E402
import command_life  # noqa: E402
import life  # noqa: E402
import model_verbs  # noqa: E402
import registry_life  # noqa: E402
import registry_verbs  # noqa: E402
import trainings  # noqa: E402
import verbs  # noqa: E402

MODULES = (auth_verbs, verbs, model_verbs, registry_verbs, life, trainings, registry_life, command_life)


def main() -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with answers
    library = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            module = next(module for module in MODULES if hasattr(module, request["call"]))
            answer = {"result": getattr(module, request["call"])(library, **request["arguments"])}
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
