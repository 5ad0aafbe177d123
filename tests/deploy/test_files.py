"""What is in deploy/ agrees with itself and with the program: names, ports, times, options; no password, no root."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from millstream.cli.server import server
from millstream.values.settings import SETTINGS
from tests.deploy.fleet import CONFIG, DEPLOY, REPLICAS, program, rendered

KUBERNETES = DEPLOY / "kubernetes"
OURS = {variable for item in SETTINGS for variable in (item.variable, item.mlflow) if variable}
# Read by libpq and by the driver of buckets.
OTHERS = {"PGPASSWORD", "MLFLOW_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
SECRETS = {"PGPASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "POSTGRES_PASSWORD"}
SYSTEM = {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK"}


def manifests() -> dict[str, dict[str, Any]]:
    """Those of Kubernetes, by kind; one of each."""
    files = [path for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml"]
    found = {manifest["kind"]: manifest for path in files for manifest in yaml.safe_load_all(path.read_text())}
    assert len(found) == len(files)
    return found


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def variables_of_file(path: Path) -> dict[str, str]:
    """NAME=value lines, those that are commented out too."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", path.read_text(), re.MULTILINE))


def test_every_variable_is_one_that_something_reads() -> None:
    services = compose()["services"]
    for name in REPLICAS:
        assert set(services[name]["environment"]) <= OURS | OTHERS
    found = manifests()
    assert set(found["ConfigMap"]["data"]) <= OURS | OTHERS
    assert set(found["Secret"]["stringData"]) <= OTHERS
    assert set(variables_of_file(DEPLOY / "millstream.env.example")) <= OURS | OTHERS
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    named = re.findall(r"(?:^ENV|\\\n)\s+([A-Z][A-Z0-9_]*)=|ENV.* ([A-Z_]+)=", dockerfile, re.MULTILINE)
    assert {word for words in named for word in words if word} <= OURS | SYSTEM


def test_no_password_ships() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (DEPLOY / "compose.yaml").read_text()))
    offered = variables_of_file(DEPLOY / ".env.example")
    assert asked
    assert {offered[name] for name in asked} == {""}
    for service in compose()["services"].values():
        given = service.get("environment", {})
        assert all(re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", given[name]) for name in SECRETS & set(given))
    assert set(manifests()["Secret"]["stringData"].values()) == {""}
    assert not SECRETS & set(manifests()["ConfigMap"]["data"])
    assert {variables_of_file(DEPLOY / "millstream.env.example")[name] for name in SECRETS & OTHERS} == {""}
    resources = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert "secret.example.yaml" not in resources
    for path in DEPLOY.rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert not re.search(r"://[^\s/@:]+:[^\s/@]+@", text), path


def test_every_image_has_a_version() -> None:
    images = {service["image"] for service in compose()["services"].values()}
    images |= {found["image"] for found in manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]}
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    images |= {name for name in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) if "$" not in name}
    assert "ARG PYTHON=3." in dockerfile
    assert all(re.search(r":\d", image) for image in images), images


def test_the_image_is_built_of_what_is_there() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE):
        for name in line.split():
            assert (DEPLOY.parent / name).exists(), name
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text()
    for name in ("pyproject.toml", "requirements-dev.lock", "README.md", "LICENSE", "src", "ui"):
        assert f"\n!{name}\n" in kept
    extras = re.search(r"\[([a-z0-9,]+)\]\"", dockerfile)
    assert extras
    project = (DEPLOY.parent / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras[1].split(","))
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    commands = re.findall(r"^(?:ENTRYPOINT|CMD) (\[.*\])$", dockerfile, re.MULTILINE)
    assert commands == ['["millstream"]', '["server"]']
    assert server.name == "server"


def test_compose_agrees_with_itself_and_with_nginx() -> None:
    found = compose()
    services, nginx = found["services"], found["services"]["nginx"]
    config = CONFIG.read_text()
    for name, service in services.items():
        waited = service.get("depends_on", {})
        assert set(waited) <= set(services)
        for other, how in waited.items():
            once = services[other].get("restart") == "no"
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")
            # A replica's is the one of its image.
            assert once or "healthcheck" in services[other] or other in REPLICAS
        if name not in ("postgres", "seaweedfs", "bucket"):
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
    for name in REPLICAS:
        service = services[name]
        assert service["networks"]["inner"]["ipv4_address"] == nginx["extra_hosts"][name]
        assert config.count(f"server {name}:5000 ") == 2
        assert service["environment"]["MILLSTREAM_TRUSTED_PROXIES"] == nginx["networks"]["inner"]["ipv4_address"]
        assert seconds(service["stop_grace_period"]) > int(service["environment"]["MILLSTREAM_DRAIN_SECONDS"])
        assert service["environment"]["MILLSTREAM_ARTIFACTS_DESTINATION"].startswith("s3://artifacts/")
    assert nginx["ports"] == ["${LISTEN:-127.0.0.1:8080}:8080"]
    assert "listen 8080;" in config
    assert "name artifacts" in services["bucket"]["entrypoint"][-1]
    volumes = {text.partition(":")[0] for service in services.values() for text in service.get("volumes", [])}
    assert volumes == {"./nginx.conf", *found["volumes"]}


def test_kubernetes_agrees_with_itself() -> None:
    found = manifests()
    deployment = found["Deployment"]
    pod, labels = deployment["spec"]["template"]["spec"], deployment["spec"]["template"]["metadata"]["labels"]
    (container,) = pod["containers"]
    assert deployment["spec"]["replicas"] == 2
    selectors = [deployment["spec"]["selector"]["matchLabels"], found["Service"]["spec"]["selector"]]
    selectors.append(found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"])
    selectors += [spread["labelSelector"]["matchLabels"] for spread in pod["topologySpreadConstraints"]]
    assert all(selector.items() <= labels.items() for selector in selectors)
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"http": 5000}
    probes = [container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert all(probe == {"path": "/health", "port": "http"} for probe in probes)
    (port,) = found["Service"]["spec"]["ports"]
    assert port["targetPort"] == "http"
    (rule,) = found["Ingress"]["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": found["Service"]["metadata"]["name"], "port": {"name": port["name"]}}
    assert rule["host"] == found["ConfigMap"]["data"]["MILLSTREAM_ALLOWED_HOSTS"]
    sources = {kind: source["name"] for item in container["envFrom"] for kind, source in item.items()}
    names = {kind: found[kind]["metadata"]["name"] for kind in ("ConfigMap", "Secret")}
    assert sources == {"configMapRef": names["ConfigMap"], "secretRef": names["Secret"]}
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = int(found["ConfigMap"]["data"]["MILLSTREAM_DRAIN_SECONDS"])
    assert pod["terminationGracePeriodSeconds"] > pause + drain
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]]
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


def test_the_kustomization_names_what_is_there() -> None:
    text = (KUBERNETES / "kustomization.yaml").read_text()
    found = yaml.safe_load(text)
    assert found["namespace"] == manifests()["Namespace"]["metadata"]["name"]
    listed = set(re.findall(r"- ([a-z]+\.yaml)$", text, re.MULTILINE))
    assert listed == {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    image = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"]
    (renamed,) = found["images"]
    assert image.partition(":")[0] == renamed["name"]


def test_the_unit_leaves_time_to_drain(tmp_path: Path) -> None:
    unit = configparser.RawConfigParser(strict=False, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "millstream.service")
    drain = int(variables_of_file(DEPLOY / "millstream.env.example")["MILLSTREAM_DRAIN_SECONDS"])
    assert int(unit["Service"]["TimeoutStopSec"]) > drain
    assert unit["Service"]["ExecStart"].split()[1:] == ["server"]
    assert unit["Unit"]["Requires"] == "millstream.socket"
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze was not found; nothing more is known about the units")
    for name in ("millstream.service", "millstream.socket"):
        # The program is not installed where a test runs.
        (tmp_path / name).write_text((DEPLOY / name).read_text().replace(unit["Service"]["ExecStart"], "/bin/true"))
    command = ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert not [line for line in said.splitlines() if str(tmp_path) in line or line.startswith("millstream")]


def test_nginx_understands_its_file(tmp_path: Path) -> None:
    nginx = program()
    if nginx is None:
        pytest.skip("nginx was not found")
    config = tmp_path / "nginx.conf"
    config.write_text(rendered(tmp_path, 8080, dict.fromkeys(REPLICAS, 5000)))
    command = [nginx, "-t", "-p", str(tmp_path), "-c", str(config), "-e", str(tmp_path / "error.log")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "[warn]" not in said.stderr, said.stderr


def seconds(text: str) -> int:
    """Of a duration of Compose that is given in seconds."""
    found = re.fullmatch(r"(\d+)s", text)
    assert found
    return int(found[1])
