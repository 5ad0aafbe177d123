"""The filter grammar, clause by clause: what MLflow accepts, what it refuses, what Millstream adds."""

from __future__ import annotations

import math

import pytest

from millstream.formats.filters import (
    EXPERIMENTS,
    MODELS,
    RUNS,
    VERSIONS,
    And,
    Comparison,
    Not,
    Or,
    OrderKey,
    Vocabulary,
    parse_filter,
    parse_order,
)
from millstream.values.errors import InvalidValue


def only(text: str, vocabulary: Vocabulary = RUNS) -> tuple[str, str, str, object]:
    """The single comparison of `text`, without its position."""
    node = parse_filter(text, vocabulary)
    assert isinstance(node, Comparison)
    return node.entity, node.key, node.op, node.value


def refusal(text: str, vocabulary: Vocabulary = RUNS) -> str:
    with pytest.raises(InvalidValue) as caught:
        parse_filter(text, vocabulary)
    return caught.value.message


@pytest.mark.parametrize("text", ["", "   ", "\n\t", None])
def test_empty_filter_means_everything(text: str | None) -> None:
    assert parse_filter(text, RUNS) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.loss < 1", ("metric", "loss", "<", 1)),
        ("metric.loss>=-.5", ("metric", "loss", ">=", -0.5)),
        ("metrics.loss != 1e0", ("metric", "loss", "!=", 1.0)),
        ("metrics.loss>-3", ("metric", "loss", ">", -3)),
        ("metrics.loss = 1.", ("metric", "loss", "=", 1.0)),
        ("metrics.`a b` = 1", ("metric", "a b", "=", 1)),
        ('metrics."a b" = 1', ("metric", "a b", "=", 1)),
        ("metrics.val/loss-1:2 = 1", ("metric", "val/loss-1:2", "=", 1)),
        ("metrics.손실 = 1", ("metric", "손실", "=", 1)),
        ("params.lr = '0.1'", ("param", "lr", "=", "0.1")),
        ('parameters.lr = "0.1"', ("param", "lr", "=", "0.1")),
        ("param.x like 'a%'", ("param", "x", "LIKE", "a%")),
        ("parameter.x ILike 'a%'", ("param", "x", "ILIKE", "a%")),
        ("params.x = ''", ("param", "x", "=", "")),
        ('params.x = "it\'s"', ("param", "x", "=", "it's")),
        (r"params.x = 'C:\'", ("param", "x", "=", "C:\\")),
        ("params.x IS NULL", ("param", "x", "IS NULL", None)),
        ("tags.x is  not\nnull", ("tag", "x", "IS NOT NULL", None)),
        ("tags.mlflow.user = 'a'", ("tag", "mlflow.user", "=", "a")),
        ("tag.`mlflow.user` != 'a'", ("tag", "mlflow.user", "!=", "a")),
        ("`tags`.x = 'a'", ("tag", "x", "=", "a")),
        ("status = 'FINISHED'", ("attribute", "status", "=", "FINISHED")),
        ("run.status = 'FINISHED'", ("attribute", "status", "=", "FINISHED")),
        ("attr.user_id ILIKE 'a'", ("attribute", "user_id", "ILIKE", "a")),
        ("attributes.artifact_uri LIKE 'a'", ("attribute", "artifact_uri", "LIKE", "a")),
        ("attribute.run_id IN ('a', \"b\")", ("attribute", "run_id", "IN", ("a", "b"))),
        ("run_id not  in ('a',)", ("attribute", "run_id", "NOT IN", ("a",))),
        ("attributes.`Run name` = 'x'", ("attribute", "run_name", "=", "x")),
        ("`run name` = 'x'", ("attribute", "run_name", "=", "x")),
        ('"Run Name" = "x"', ("attribute", "run_name", "=", "x")),
        ("created > 12", ("attribute", "start_time", ">", 12)),
        ("attributes.Created > 12", ("attribute", "start_time", ">", 12)),
        ("end_time <= 9.5", ("attribute", "end_time", "<=", 9.5)),
        ("dataset.name = 'a'", ("dataset", "name", "=", "a")),
        ("datasets.digest IN ('a')", ("dataset", "digest", "IN", ("a",))),
        ("datasets.context ILIKE 'train%'", ("dataset", "context", "ILIKE", "train%")),
        ("params.x IN ('a','b')", ("param", "x", "IN", ("a", "b"))),
        ("tags.x NOT IN ('a')", ("tag", "x", "NOT IN", ("a",))),
        ("metrics.x = -inf", ("metric", "x", "=", -math.inf)),
        ("metrics.x < 1e999", ("metric", "x", "<", math.inf)),
        ("start_time < 99999999999999999999", ("attribute", "start_time", "<", 1e20)),
        ("metrics.x = 1 AND ", ("metric", "x", "=", 1)),
        ("(metrics.x = 1)", ("metric", "x", "=", 1)),
    ],
)
def test_comparisons(text: str, expected: tuple[str, str, str, object]) -> None:
    found = only(text)
    assert found == expected
    assert type(found[3]) is type(expected[3])


def test_nan_is_a_number_for_metrics_only() -> None:
    value = only("metrics.x = NaN")[3]
    assert isinstance(value, float)
    assert math.isnan(value)
    assert "numeric value" in refusal("start_time = NaN")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name LIKE 'a%'", ("attribute", "name", "LIKE", "a%")),
        ("attribute.name = 'a'", ("attribute", "name", "=", "a")),
        ("experiment_id IN ('1','2')", ("attribute", "experiment_id", "IN", ("1", "2"))),
        ("creation_time >= 1", ("attribute", "creation_time", ">=", 1)),
        ("last_update_time < 1", ("attribute", "last_update_time", "<", 1)),
        ("tag.x IS NULL", ("tag", "x", "IS NULL", None)),
        ("tags.`a b` = 'y'", ("tag", "a b", "=", "y")),
    ],
)
def test_experiments(text: str, expected: tuple[str, str, str, object]) -> None:
    assert only(text, EXPERIMENTS) == expected


@pytest.mark.parametrize(
    "text", ["attributes.name = 'a'", "metrics.x > 1", "name IN ('a')", "experiment_id LIKE '1'", "run_id = 'a'"]
)
def test_experiments_refuse(text: str) -> None:
    assert "character 1" in refusal(text, EXPERIMENTS) or "character 6" in refusal(text, EXPERIMENTS)


def test_models_and_versions() -> None:
    assert only("name NOT IN ('a')", MODELS) == ("attribute", "name", "NOT IN", ("a",))
    assert only("version_number > '3'", VERSIONS) == ("attribute", "version_number", ">", 3)
    assert only("source_path ILIKE '%x'", VERSIONS) == ("attribute", "source_path", "ILIKE", "%x")
    assert parse_order(["timestamp DESC"], MODELS) == (OrderKey("attribute", "last_updated_timestamp", False),)
    assert "numeric" in refusal("version_number > 'x'", VERSIONS)
    assert only("creation_timestamp > 3", MODELS) == ("attribute", "creation_timestamp", ">", 3)
    assert "Valid keys are name, description, " in refusal("version > 3", MODELS)


def test_and_or_not_bind_in_the_usual_order() -> None:
    node = parse_filter("metrics.a = 1 OR NOT metrics.b = 1 and metrics.c = 1", RUNS)
    match node:
        case Or((Comparison(key="a"), And((Not(Comparison(key="b")), Comparison(key="c") as last)))):
            assert last.position == 39
        case _:
            pytest.fail(str(node))


def test_parentheses_override() -> None:
    node = parse_filter("(metrics.a = 1 OR metrics.b = 1) AND (NOT (metrics.c = 1))", RUNS)
    assert isinstance(node, And)
    assert isinstance(node.clauses[0], Or)
    assert isinstance(node.clauses[1], Not)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("metrics.loss == 1", ["'=='", "character 14", "Write '='"]),
        ("metrics.loss <> 1", ["character 14", "Write '!='"]),
        ("metrics.loss < 1;", ["';'", "character 17", "semicolon"]),
        ("metrics.loss BETWEEN 1 AND 2", ["BETWEEN", "character 14", ">= low AND"]),
        ("params.x = 'abc", ["unterminated string", "character 12"]),
        ('params.x = "abc', ["unterminated string", "character 12"]),
        ("metrics.`a < 1", ["unterminated name", "character 9"]),
        ("params.x = abc", ["quoted string", "character 12"]),
        ("tags.x = 1", ["quoted string", "character 10"]),
        ("params.x = y", ["quoted string", "character 12"]),
        ("params.x > '1'", ["numeric value", "without quotes"]),
        ("params.x > nan", ["numeric value"]),
        ("metrics.`x`.median > 1", ["unknown part 'median'", "min, max"]),
        ("params.`x`.min > 1", ["unknown part 'min'", "Only metrics"]),
        ("params.x RLIKE '(a'", ["'(' without ')'", "character 1"]),
        ("params.x RLIKE 'a\\b'", ["'\\b' is not known"]),
        ("params.x CONTAINS ' '", ["one to 16 words"]),
        ("text = 'a'", ["CONTAINS"]),
        ("params.x = `a`", ["quoted string"]),
        ("metrics.x > '1'", ["numeric value", "character 13", "without quotes"]),
        ("start_time > '1'", ["numeric value", "without quotes"]),
        ("metrcs.x < 1", ["entity type 'metrcs'", "Did you mean 'metrics'"]),
        ("Metrics.x < 1", ["entity type 'Metrics'", "Did you mean 'metrics'"]),
        ("statu = 'x'", ["attribute key 'statu'", "Did you mean 'status'"]),
        ("lifecycle_stage = 'active'", ["Invalid attribute key 'lifecycle_stage'", "Valid keys are run_id"]),
        ("experiment_id = '1'", ["Invalid attribute key 'experiment_id'"]),
        ("loss < 1", ["attribute key 'loss'", "prefix: metrics.…, params.…, tags.…"]),
        ("datasets.nme = 'a'", ["dataset key 'nme'", "Did you mean 'name'"]),
        ("metrics.x LIKE 'a'", ["comparator 'LIKE'", "character 11", "=, !=, >, >=, <, <="]),
        ("metrics.x IS NULL", ["comparator 'IS NULL'"]),
        ("status IN ('a')", ["comparator 'IN'"]),
        ("tags.x > 'a'", ["comparator '>'"]),
        ("run_id IN ()", ["empty list", "character 11"]),
        ("run_id IN ('a' 'b')", ["',' or ')'"]),
        ("run_id IN 'a'", ["in parentheses"]),
        ("run_id IN (1)", ["quoted string"]),
        ("params.x = 'it''s'", ["quote inside a string", "double quotes"]),
        ("(metrics.x < 1", ["')' for the '(' of character 1"]),
        ("metrics.x < 1)", ["unexpected ')'", "character 14"]),
        ("()", ["expected a key"]),
        ("AND metrics.x < 1", ["found 'AND'", "character 1"]),
        ("metrics.x < 1 AND AND metrics.y < 1", ["found 'AND'", "character 19"]),
        ("metrics.x < 1 OR", ["found the end"]),
        ("metrics.x < 1 metrics.y < 1", ["character 15", "AND or OR"]),
        ("NOT", ["found the end"]),
        ("metrics.x", ["expected a comparator", "found the end"]),
        ("metrics.x <", ["expected a value", "found the end"]),
        ("1 < metrics.x", ["expected a key", "character 1"]),
        ("'x' = params.x", ["string where a key", "character 1"]),
        ("metrics.`` < 1", ["empty key"]),
        ("metrics.x = 0x1f", ["'0x1f' is not a number"]),
        ("metrics.x = 1_000", ["not a number"]),
        ("metrics.x = --1", ["not a number"]),
        ("params.x = $y", ["'$'", "character 12"]),
        ("tags.'a b' = 'x'", ["single quotes", "backticks"]),
        ("params.x = 'a\0b'", ["NUL"]),
        ("params.x = '\ud800'", ["surrogate"]),
    ],
)
def test_refusals_name_place_and_remedy(text: str, parts: list[str]) -> None:
    message = refusal(text)
    assert [part for part in parts if part not in message] == [], message


def test_caps() -> None:
    clause = "metrics.x = 1"
    assert isinstance(parse_filter(" AND ".join([clause] * 64), RUNS), And)
    assert "64" in refusal(" OR ".join([clause] * 65))
    assert parse_filter("(" * 32 + clause + ")" * 32, RUNS) is not None
    assert "32" in refusal("(" * 33 + clause + ")" * 33)
    assert "32" in refusal("NOT " * 2000 + clause)
    assert parse_filter(f"params.x = '{'a' * 16_300}'", RUNS) is not None
    assert "16384" in refusal(f"params.x = '{'a' * 16_384}'")
    assert "16384" in refusal(f"params.x = '{'한' * 5_500}'")
    assert "16384" in refusal("(" * 10_000_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.x", OrderKey("metric", "x", True)),
        ("metrics.`a b` DESC", OrderKey("metric", "a b", False)),
        ('params."a b" asc', OrderKey("param", "a b", True)),
        ("tags.mlflow.user desc", OrderKey("tag", "mlflow.user", False)),
        ("start_time DESC", OrderKey("attribute", "start_time", False)),
        ("attributes.created", OrderKey("attribute", "start_time", True)),
        ("`Run name`", OrderKey("attribute", "run_name", True)),
        (" run_id  ", OrderKey("attribute", "run_id", True)),
    ],
)
def test_order(text: str, expected: OrderKey) -> None:
    assert parse_order([text], RUNS) == (expected,)


@pytest.mark.parametrize(
    "text", ["", "datasets.name", "metrics.x foo", "metrics.x DESC ASC", "a", "metrics.x, metrics.y", "'x'", "1", "x.y"]
)
def test_order_refuses(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_order([text], RUNS)


def test_order_keeps_the_first_of_equal_keys_and_caps_the_number() -> None:
    assert parse_order(["created DESC", "metrics.x", "start_time"], RUNS) == (
        OrderKey("attribute", "start_time", False),
        OrderKey("metric", "x", True),
    )
    with pytest.raises(InvalidValue, match="at most 16"):
        parse_order([f"metrics.m{i}" for i in range(17)], RUNS)


def test_experiments_sort_by_attributes_only() -> None:
    assert parse_order(["name", "creation_time DESC"], EXPERIMENTS)[1] == OrderKey("attribute", "creation_time", False)
    with pytest.raises(InvalidValue, match="cannot be sorted by a tag"):
        parse_order(["tags.x"], EXPERIMENTS)
