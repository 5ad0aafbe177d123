"""`millstream doctor`: what this installation is, which store it uses and why, and every setting."""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import Any

import click

from millstream.cli.options import json_option, open_store
from millstream.cli.output import echo_json, echo_table, visible
from millstream.values.databases import hidden
from millstream.values.errors import MillstreamError
from millstream.values.queries import DescribeStore
from millstream.values.settings import SETTINGS, Setting, setting
from millstream.values.version import VERSION

_SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|CREDENTIAL|(^|_)KEY", re.IGNORECASE)


@click.command()
@click.option("--mask-envs", is_flag=True, help="Hide the values of all environment variables.")
@click.option("--check", is_flag=True, help="Examine every file or row of the store; code 1 when something is wrong.")
@click.option("--fix", is_flag=True, help="As --check, and mend it; what is damaged goes to a quarantine.")
@json_option
def doctor(mask_envs: bool, check: bool, fix: bool, as_json: bool) -> None:
    """Show the version, the store and how it was found, its problems, and every setting with its origin.

    Ends with code 1 when the store cannot be used, or when something in it is (still) wrong.
    """
    if check or fix:
        _examine(fix, as_json)
        return
    report: dict[str, Any] = {
        "version": VERSION,
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": platform.platform(),
        "store": _store(),
        "settings": [_setting(item, mask_envs) for item in SETTINGS],
    }
    if as_json:
        echo_json(report)
    else:
        _echo_report(report)
    if report["store"]["error"] or report["store"]["problems"]:
        sys.exit(1)


def _examine(fix: bool, as_json: bool) -> None:
    from millstream.stores.repairs import repair

    found, quarantine = repair(open_store(), fix=fix)
    left = [finding for finding in found if not finding.fixed]
    if as_json:
        echo_json({"findings": found, "left": len(left), "quarantine": quarantine and str(quarantine)})
    else:
        for finding in found:
            remedy = finding.remedy or "nothing can be done here"
            way = "fixed" if finding.fixed else ("remedy" if fix else "--fix")
            click.echo(f"{visible(finding.path)}: {visible(finding.problem)} [{way}: {remedy}]")
        click.echo(f"{len(found)} found, {len(found) - len(left)} fixed.")
        if quarantine is not None:
            click.echo(f"Moved to {quarantine}; quarantine.jsonl there says where everything was.")
    if left:
        sys.exit(1)


def _store() -> dict[str, Any]:
    from millstream.stores.embedded import index_path
    from millstream.stores.open import find_store

    found: dict[str, Any] = {"how": None, "index": None, "error": None, "problems": []}
    try:
        store = find_store()
        found |= {"kind": "directory" if store.is_directory else "database" if store.database else "server"}
        found |= {"location": store.public, "how": mask(store.how)}
        facts = open_store().read(DescribeStore())
        found |= {"kind": facts.kind, "location": facts.location, "exists": facts.exists}
        found |= {"experiments": facts.experiments, "runs": facts.runs, "problems": list(facts.problems)}
        found["index"] = str(index_path(store.path)) if store.is_directory else None
    except MillstreamError as error:
        found["error"] = mask(error.message)
    return found


def _setting(item: Setting, mask_envs: bool) -> dict[str, Any]:
    variables = [name for name in (item.variable, item.mlflow) if name]
    origin = next((name for name in variables if os.environ.get(name)), None)
    error = None
    try:
        value = setting(item.name)
    except MillstreamError as problem:
        value, error = os.environ.get(origin or ""), problem.message
    hidden = origin is not None and (mask_envs or _SECRET.search(item.name))
    if hidden:
        value = "***"
        error = error and f"The value of {origin} cannot be read."
    elif isinstance(value, str):
        value = mask(value)
    return {
        "name": item.variable,
        "value": value,
        "origin": origin or "default",
        "alias": item.mlflow,
        "help": item.help,
        "error": error and mask(error),
    }


def mask(text: str) -> str:
    """`text` with the user name and password of every URI hidden."""
    return hidden(text)


def _echo_report(report: dict[str, Any]) -> None:
    store = report["store"]
    rows = [
        ("Millstream", report["version"]),
        ("Python", f"{report['python']} ({report['executable']})"),
        ("System", report["system"]),
    ]
    if store["error"]:
        rows.append(("Store", f"cannot be used: {store['error']}"))
    else:
        missing = "" if store["exists"] else "; it is made by the first run"
        rows += [
            ("Store", f"{store['kind']} {store['location']}"),
            ("Found", f"{store['how']}{missing}"),
            ("Index", store["index"] or "none is needed; the store answers itself"),
            ("Experiments", str(store["experiments"])),
            ("Runs", str(store["runs"])),
        ]
    rows.append(("Problems", str(len(store["problems"])) if store["problems"] else "none"))
    for label, text in rows:
        click.echo(f"{label:<12} {visible(text)}")
    for problem in store["problems"]:
        click.echo(f"  - {visible(problem)}")
    if store["problems"]:
        click.echo("millstream doctor --check says what can be done about each, --fix does it.")
    click.echo()
    echo_table(("Setting", "Value", "From", "Meaning"), [_row(item) for item in report["settings"]])


def _row(item: dict[str, Any]) -> tuple[str, str, str, str]:
    value = "" if item["value"] is None else str(item["value"])
    return item["name"], value, item["origin"], item["error"] or item["help"]
