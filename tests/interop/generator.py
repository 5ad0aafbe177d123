"""Random runs and random searches over them, the same ones for the same seed."""

from __future__ import annotations

import random
from typing import Any

T0 = 1_700_000_000_000
METRICS = ["loss", "acc", "val/loss", "odd one", "손실"]
PARAMS = ["model", "lr", "이름", "with space", "a.b"]
TAGS = ["stage", "team name", "꼬리표", "a/b"]
WORDS = [
    "tree",
    "Tree",
    "forest",
    "0.1",
    "100%",
    "a_b",
    "axb",
    "밀물",
    "썰물",
    "it's",
    "",
    "한글 값",
    "TREE",
    "st",
    "é",
]
NUMBERS = ["0.0", "0.5", "-1.5", "1e-300", "1e300", "nan", "inf", "-inf", "3.0", "0.1"]
STATUSES = ["FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"]
STRING_ATTRIBUTES = ["status", "run_name", "attributes.run_name", "user_id", "attr.artifact_uri", "run.status"]
NUMBER_ATTRIBUTES = ["start_time", "end_time", "attributes.start_time", "attribute.end_time", "created"]
ORDERABLE = ["start_time", "end_time", "status", "run_name", "run_id", "artifact_uri", "user_id"]


def rows(seed: int, count: int) -> list[dict[str, Any]]:
    """`count` runs for `verbs.write_rows`; start times collide often."""
    chance = random.Random(seed)
    return [_row(chance, number) for number in range(count)]


def _row(chance: random.Random, number: int) -> dict[str, Any]:
    start = T0 + chance.randrange(12) * 1000
    tags = {key: chance.choice(WORDS) or "-" for key in chance.sample(TAGS, chance.randrange(len(TAGS)))}
    return {
        "start": start,
        "end": start + chance.randrange(5) * 1000,
        "status": chance.choice(STATUSES),
        "deleted": chance.random() < 0.15,
        "tags": {"mlflow.runName": f"{chance.choice(['a', 'b', '가'])}-{number}", **tags},
        "params": {key: chance.choice(WORDS) for key in chance.sample(PARAMS, chance.randrange(len(PARAMS)))},
        "metrics": {
            key: [chance.choice(NUMBERS) for _ in range(chance.randrange(1, 4))]
            for key in chance.sample(METRICS, chance.randrange(len(METRICS)))
        },
    }


def searches(seed: int, count: int) -> list[dict[str, Any]]:
    """`count` run searches that MLflow accepts, in the form of the golden queries."""
    chance = random.Random(seed)
    return [
        {
            "filter": _filter(chance),
            "order_by": [_order(chance) for _ in range(chance.choice([0, 0, 1, 1, 2, 3]))],
            "view": chance.choice([1, 1, 1, 2, 3]),
            "experiments": None,
            "page": chance.choice([None, None, 3, 10]),
        }
        for _ in range(count)
    ]


def _filter(chance: random.Random) -> str:
    joint = chance.choice([" AND ", " and ", "  And "])
    return joint.join(_comparison(chance) for _ in range(chance.choice([0, 1, 1, 1, 2, 2, 3])))


def _comparison(chance: random.Random) -> str:
    kind = chance.choice(["metric", "metric", "param", "param", "tag", "text", "number"])
    if kind == "metric":
        name = f"{chance.choice(['metrics', 'metric'])}.{_quoted(chance, chance.choice(METRICS))}"
        number = chance.choice(["0", "0.5", "-1.5", "3", "1e300", ".1", "1e-300", "-3"])
        return f"{name} {chance.choice(['=', '!=', '<', '<=', '>', '>='])} {number}"
    if kind == "number":
        value = T0 + chance.randrange(12) * 1000
        return f"{chance.choice(NUMBER_ATTRIBUTES)} {chance.choice(['=', '!=', '<', '<=', '>', '>='])} {value}"
    if kind == "text":
        value = chance.choice([*STATUSES, "a-1", "%", "가-%", "f%", "%ED", "golden", "%/artifacts"])
        return f"{chance.choice(STRING_ATTRIBUTES)} {chance.choice(['=', '!=', 'LIKE', 'ILIKE'])} '{value}'"
    entities = ["params", "param", "parameters"] if kind == "param" else ["tags", "tag"]
    keys = PARAMS if kind == "param" else TAGS
    name = f"{chance.choice(entities)}.{_quoted(chance, chance.choice(keys))}"
    operator = chance.choice(["=", "!=", "LIKE", "ILIKE", "like", "IS NULL", "IS NOT NULL"])
    if operator.startswith("IS"):
        return f"{name} {operator}"
    pattern = chance.choice([*WORDS, "%", "tr%", "%ee", "_ree", "a_b", "%물", "1%", "%%", "한글%", "É"])
    return f'{name} {operator} "{pattern}"' if "'" in pattern else f"{name} {operator} '{pattern}'"


def _order(chance: random.Random) -> str:
    column = chance.choice(
        [
            chance.choice(ORDERABLE),
            f"attributes.{chance.choice(ORDERABLE)}",
            f"metrics.{_quoted(chance, chance.choice(METRICS))}",
            f"params.{_quoted(chance, chance.choice(PARAMS))}",
            f"tags.{_quoted(chance, chance.choice(TAGS))}",
        ]
    )
    return f"{column}{chance.choice(['', ' ASC', ' DESC', ' desc'])}"


def _quoted(chance: random.Random, key: str) -> str:
    plain = key.replace(".", "").isascii() and key.replace(".", "").isalnum()
    return chance.choice([key, f"`{key}`", f'"{key}"'] if plain else [f"`{key}`", f'"{key}"'])
