"""MLproject files: what is read, what is refused, and that writing one back loses nothing."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.mlproject import (
    DockerEnvironment,
    EntryPoint,
    EnvironmentSpec,
    ParameterSpec,
    ProjectSpec,
    format_project,
    parse_project,
)
from millstream.values.errors import InvalidValue, MillstreamError

CLASSIC = """
name: my_project

conda_env: conda.yaml

entry_points:
  main:
    parameters:
      batch-size: {type: int, default: 64}
      lr: {type: float, default: 0.01}
      enable-cuda: {type: string, default: 'True'}
    command: |
          python mnist_torch.py \\
            --batch-size {batch-size} \\
            --lr {lr} \\
            --enable-cuda {enable-cuda}
  validate:
    parameters:
      data_file: path
    command: "python validate.py {data_file}"
"""


def test_the_classic_file() -> None:
    spec = parse_project(CLASSIC)
    assert spec.name == "my_project"
    assert spec.environment == EnvironmentSpec("conda_env", file="conda.yaml")
    assert list(spec.entry_points) == ["main", "validate"]
    assert spec.entry_points["main"].parameters == (
        ParameterSpec("batch-size", "int", "64"),
        ParameterSpec("lr", "float", "0.01"),
        ParameterSpec("enable-cuda", "string", "True"),
    )
    assert spec.entry_points["main"].command.startswith("python mnist_torch.py \\\n")
    assert spec.entry_points["validate"].parameters == (ParameterSpec("data_file", "path", None),)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "---\n"])
def test_an_empty_file_is_a_project_without_entry_points(text: str) -> None:
    assert parse_project(text) == ProjectSpec()


def test_docker_environment() -> None:
    spec = parse_project(
        textwrap.dedent("""
        docker_env:
          image: registry.example/image:7.0
          volumes: ["/local/path:/container/mount/path"]
          environment: [["NEW_ENV_VAR", "new_var_value"], "VAR_TO_COPY"]
        """)
    )
    assert spec.environment is not None
    assert spec.environment.docker == DockerEnvironment(
        "registry.example/image:7.0",
        ("/local/path:/container/mount/path",),
        (("NEW_ENV_VAR", "new_var_value"), ("VAR_TO_COPY", None)),
    )


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("p: float", ParameterSpec("p", "float")),
        ("p:", ParameterSpec("p")),
        ("p: {default: 3}", ParameterSpec("p", "string", "3")),
        ("p: {type: float, default: null}", ParameterSpec("p", "float", None)),
        ("p: {type: bool, default: true}", ParameterSpec("p", "bool", "True")),
        ("p: {type: string, default: ''}", ParameterSpec("p", "string", "")),
        ("1: {type: int, default: 1e3}", ParameterSpec("1", "int", "1e3")),
    ],
)
def test_parameter_forms(parameter: str, expected: ParameterSpec) -> None:
    text = f"entry_points: {{main: {{command: x, parameters: {{{parameter}}}}}}}"
    assert parse_project(text).entry_points["main"].parameters == (expected,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conda_env: a\ndocker_env: {image: b}", "conda_env and docker_env"),
        ("- a list", "must be a mapping"),
        ("just text", "must be a mapping"),
        ("entry_points: [main]", "entry_points must be a mapping"),
        ("entry_points: {main: {parameters: {}}}", "'main' needs a command"),
        ("entry_points: {main: {command: '  '}}", "'main' needs a command"),
        ("entry_points: {main: {command: 3}}", "'main' needs a command"),
        ("entry_points: {main: {command: x, parameters: {p: [1]}}}", "'p' must be a mapping"),
        ("entry_points: {main: {command: x, parameters: {p: {type: 3}}}}", "'p' must be a word"),
        ("entry_points: {main: {command: x, parameters: {p: {default: [1]}}}}", "'p' must be a single value"),
        ("name: {a: b}", "name must be text"),
        ("conda_env: {a: b}", "conda_env must be the path"),
        ("docker_env: {volumes: []}", "needs an image"),
        ("docker_env: {image: a, volumes: x}", "volumes must be a list"),
        ("docker_env: {image: a, environment: [[a, b, c]]}", "[NAME, value]"),
        ("databricks_spark_job: {}", "Databricks only"),
        ("a: b: c", "line 1"),
        ("name: x\nname: y", "line 2: 'name' is given twice"),
        ("a: &x [1]\nb: *x", "line 2: YAML aliases"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("name: " + "x" * 1_000_001, "larger than 1 MB"),
        ("[" * 5000, "not valid YAML"),
    ],
)
def test_what_is_refused_says_where(text: str, said: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_project(text)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_unknown_keys_are_passed_over() -> None:
    text = "name: x\nauthor: me\nentry_points: {main: {command: a, note: b, parameters: {p: {type: int, help: c}}}}"
    assert parse_project(text).entry_points["main"].parameters == (ParameterSpec("p", "int"),)


words = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20)
environments = st.one_of(
    st.none(),
    st.builds(EnvironmentSpec, st.sampled_from(["conda_env", "python_env"]), words),
    st.builds(
        EnvironmentSpec,
        st.just("docker_env"),
        st.none(),
        st.builds(
            DockerEnvironment,
            words,
            st.lists(words, max_size=2).map(tuple),
            st.lists(st.tuples(words, st.none() | words), max_size=2).map(tuple),
        ),
    ),
)
parameters = st.lists(
    st.builds(ParameterSpec, words, words, st.none() | words), max_size=3, unique_by=lambda spec: spec.name
).map(tuple)
commands = words.filter(lambda text: text.strip() != "") | words.map(lambda text: f"a \\\n  {text}\n")
entry_points = st.dictionaries(words, st.tuples(commands, parameters), max_size=3).map(
    lambda found: {name: EntryPoint(name, command, specs) for name, (command, specs) in found.items()}
)


@given(st.builds(ProjectSpec, st.none() | words, environments, entry_points))
def test_written_and_read_back(spec: ProjectSpec) -> None:
    assert parse_project(format_project(spec)) == spec


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_project(text)
    except MillstreamError:
        pass  # any other error fails the test
