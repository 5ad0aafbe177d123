"""The house rules that no other tool checks. No list of exceptions but the ones here, each with its reason."""

from __future__ import annotations

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.values.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "millstream"
SIZED = ("src", "dropin", "benchmarks", "scripts", "examples", "tests", "ui/src", "ui/tests")
SIZED_SUFFIXES = {".py", ".ts", ".tsx", ".css", ".js"}
GENERATED = {"node_modules", "static", "golden", "__pycache__", "dist", "build"}
FILE_LINES = 400
FUNCTION_LINES = 40
SHELLS = {"sh", "bash", "dash", "zsh", "cmd", "cmd.exe"}
HEAVY = {"numpy", "pandas", "sqlalchemy", "starlette", "uvicorn", "torch", "sklearn", "matplotlib", "click", "rich"}


def files(*folders: str, suffixes: set[str] = frozenset({".py"})) -> list[Path]:  # type: ignore[assignment]
    """Files written by hand below the folders."""
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and path.is_file() and not GENERATED & set(path.relative_to(ROOT).parts)
    )


def python_files() -> list[Path]:
    return files("src", "dropin", "benchmarks", "scripts", "examples")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute, else an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from `def` to its end, without its docstring."""
    end = function.end_lineno or function.lineno
    length = end - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_no_file_is_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files(*SIZED, suffixes=SIZED_SUFFIXES)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES
    }
    assert not long, f"Split by noun what passes {FILE_LINES} lines: {long}"


def test_no_function_is_long() -> None:
    long = [
        f"{place(path, node)} {node.name}: {code_lines(node)}"
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node) > FUNCTION_LINES
    ]
    assert not long, f"Longer than {FUNCTION_LINES} lines without the docstring: {long}"


def test_modules_are_named_after_something() -> None:
    vague = [path for path in files("src", "dropin", "benchmarks", "tests") if path.stem in {"utils", "common", "misc"}]
    assert not vague


def shell_uses(path: Path) -> Iterator[str]:
    """Places in a file where a text could reach a shell."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            if dotted(node.func) in {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}:
                yield place(path, node)
            if dotted(node.func) in {"asyncio.create_subprocess_shell", "pty.spawn"}:
                yield place(path, node)
            for keyword in node.keywords:
                if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value):
                    yield place(path, node)
        if isinstance(node, ast.List | ast.Tuple):
            words = [item.value if isinstance(item, ast.Constant) else None for item in node.elts]
            for shell, flag in itertools.pairwise(words):
                named = isinstance(shell, str) and Path(shell).name in SHELLS
                if named and isinstance(flag, str) and re.fullmatch(r"-[a-z]*c|/[cC]", flag):
                    yield place(path, node)


def test_nothing_reaches_a_shell() -> None:
    found = [use for path in python_files() for use in shell_uses(path)]
    assert not found, f"Commands are lists, run without a shell: {found}"


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(x, shell=True)",
        "subprocess.Popen(x, shell=flag)",
        "os.system('ls')",
        "run(['bash', '-c', x])",
        "run(['/bin/sh', '-ec', x])",
        "asyncio.create_subprocess_shell(x)",
    ],
)
def test_the_shell_check_sees(tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "x.py").write_text(line, encoding="utf-8")
    assert list(shell_uses(tmp_path / "x.py"))


def test_the_shell_check_allows_a_script_file(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("run(['bash', script], shell=False)", encoding="utf-8")
    assert not list(shell_uses(tmp_path / "x.py"))


# Where an error of any kind is taken, with the reason. Everywhere else an error is named.
BORDERS = {
    "src/millstream/server/errors.py": "a request handler: nothing of ours leaks out",
    "src/millstream/server/crew.py": "between a thread and the loop that waits for it; raised there",
    "src/millstream/server/routes.py": "between requests that are answered together; each raises its own",
    "src/millstream/server/workers.py": "the end of a process that has nobody above it",
    "src/millstream/serving/app.py": "a request handler, and the model it calls is somebody else's code",
    "src/millstream/serving/worker.py": "the loop of a thread",
    "src/millstream/server/watcher.py": "a thread of its own: those who follow are told, and it goes on",
    "src/millstream/drivers/artifacts/parallel.py": "between a thread and the one that waits for it; raised there",
    "src/millstream/drivers/sql/groups.py": "between the thread that carries out and those that wait; raised there",
    "src/millstream/stores/embedded.py": "between batches of several callers; each gets its own",
    "src/millstream/cli/models.py": "the model is somebody else's code",
}


def test_every_error_is_taken_only_at_a_border() -> None:
    found = {
        place(path, node)
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and takes_everything(node) and not passes_on(node)
    }
    outside = [where for where in sorted(found) if where.rpartition(":")[0] not in BORDERS]
    assert not outside, f"Name the error, or give the reason in BORDERS: {outside}"


def takes_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind) in {"Exception", "BaseException"} for kind in kinds)


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether the error goes on after some tidying."""
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def test_typed_values_are_read_by_readers() -> None:
    # Two threads that are the first to read a type end the process; see the module that makes readers.
    bad = []
    for path in files("src"):
        if path.name == "readers.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                typed = any(key.arg == "type" for key in node.keywords) or (name.endswith(".Decoder") and node.args)
                if name.startswith("msgspec.") and (name == "msgspec.convert" or typed):
                    bad.append(f"{place(path, node)}: {name}")
    assert not bad, "\n".join(bad)


def test_every_module_is_reached_by_a_test() -> None:
    """Imported by name in a test file, or by a module so imported; a file nobody tests is a file nobody needs."""
    names = {module_name(path): path for path in files("src") if path.name != "__main__.py"}
    seen: set[str] = set()
    queue = [name for path in files("tests") for name in imports(path, names)]
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += imports(names[name], names)
    forgotten = sorted(names.keys() - seen - {name for name, path in names.items() if is_bare(path)})
    assert not forgotten, f"No test imports these, straight or through another module: {forgotten}"


def is_bare(path: Path) -> bool:
    """Whether a file holds nothing but a docstring."""
    return all(isinstance(node, ast.Expr) for node in tree(path).body)


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT / "src").with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, known: dict[str, Path]) -> list[str]:
    """Known modules that a file imports or names in a text (plug-in tables, `python -m`)."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 120:
            found |= set(re.findall(r"millstream(?:\.\w+)+", node.value))
    # The drop-in gives our modules under MLflow's name.
    found |= {f"millstream.{name.removeprefix('mlflow.')}" for name in found if name.startswith("mlflow.")}
    return sorted(found & known.keys())


def test_logging_to_files_stays_light(tmp_path: Path) -> None:
    """A training process pays for what it uses: no array library, database or web framework on the way."""
    program = (
        "import sys, millstream\n"
        "with millstream.start_run():\n"
        "    millstream.log_metric('loss', 1.0)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    bare = run_python("import sys, millstream; " + f"print(sorted({HEAVY!r} & set(sys.modules)))", tmp_path)
    assert bare == "[]"
    assert run_python(program, tmp_path) == "[]"


def run_python(program: str, folder: Path) -> str:
    """Last line that a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_every_third_party_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(x for extra in project["optional-dependencies"].values() for x in extra)]
    distributions = {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower() for requirement in wanted}
    names = {"pyyaml": "yaml", "scikit-learn": "sklearn"}
    declared = {names.get(name, name.replace("-", "_")) for name in distributions}
    used = {
        name: place(path, node)
        for path in files("src")
        for node in ast.walk(tree(path))
        for name in top_names(node)
        if name not in sys.stdlib_module_names and name not in {"millstream", "__future__"}
    }
    missing = {name: where for name, where in used.items() if name not in declared | OPTIONAL}
    assert not missing, f"Imported, but in no list of pyproject.toml: {missing}"


# Used only when the caller has handed over an object of theirs, or when they happen to be installed.
OPTIONAL = {"matplotlib", "PIL", "plotly", "win32api"}


def top_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return [node.module.partition(".")[0]]
    return []


def test_the_version_is_one() -> None:
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    dropin = tomllib.loads((ROOT / "dropin" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ui = json.loads((ROOT / "ui" / "package.json").read_text(encoding="utf-8"))["version"]
    assert [VERSION, dropin["version"], ui] == [ours] * 3
    assert f"millstream=={ours}" in dropin["dependencies"]


def test_values_and_formats_open_nothing() -> None:
    calls = {"open", "os.open", "io.open", "Path.open", "os.stat", "os.listdir", "os.scandir", "os.makedirs"}
    methods = {"read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "unlink", "iterdir", "rglob", "exists"}
    found = [
        place(path, node)
        for path in files("src/millstream/values", "src/millstream/formats")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (dotted(node.func) in calls or (isinstance(node.func, ast.Attribute) and node.func.attr in methods))
    ]
    assert not found, f"Pure floors touch no file: {found}"
