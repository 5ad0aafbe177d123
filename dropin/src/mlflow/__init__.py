"""The name `mlflow` for Millstream: `mlflow.x` is `millstream.x`, the same object, looked up when it is used.

Modules too: `mlflow.a.b` is the module object `millstream.a.b` under a second name. Where the real MLflow is
installed, importing this raises ImportError: two distributions cannot own one name.
"""

from __future__ import annotations

import millstream_mlflow as _dropin

_dropin.take_the_name()


def __getattr__(name: str) -> object:
    return _dropin.look_up(name)


def __dir__() -> list[str]:
    return sorted({*_dropin.all_names(), *globals()})
