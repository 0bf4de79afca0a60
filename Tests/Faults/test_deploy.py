"""Docs/deploy: units and manifests are valid and fit together, and what they start starts."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from deployment import PROGRAM, container_environment, named, pods, unit, unit_command
from processes import endpoint_text, eventually, free_port
from shoal import START_SECONDS

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = CHECKOUT / "Docs/deploy"
SYSTEMD = DEPLOY / "systemd"
UNITS = sorted(path.name for path in SYSTEMD.iterdir() if path.suffix in (".service", ".timer"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
# The oldest release whose Pods have their node's topology labels, and the newest that is known.
KUBERNETES = ["1.35", "1.37"]
TOKEN = "0123456789abcdef"
# Read apart from the settings that --print-config shows.
NO_SETTINGS = {"SHOAL_TOKEN", "SHOAL_CONFIG", "SHOAL_LOG_LEVEL"}
# What a node says of itself.
FIELDS = {
    "spec.nodeName": "node-7.example",
    "metadata.labels['topology.kubernetes.io/region']": "us-east-1",
    "metadata.labels['topology.kubernetes.io/zone']": "us-east-1b",
}


def documents():
    yaml = pytest.importorskip("yaml")
    return [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]


class Here:
    """The paths and ports of a file of Docs/deploy, and those that stand for them in a test."""

    def __init__(self, directory):
        self.directory = directory
        self.ports = {}
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith("SHOAL_")
        }

    def port(self, number):
        return self.ports.setdefault(number, free_port())

    def text(self, text):
        for number in (7070, 7071, 7072):
            for host in ("0.0.0.0", "127.0.0.1"):
                text = text.replace(f"{host}:{number}", f"127.0.0.1:{self.port(number)}")
        return re.sub("/(var/lib|etc)/shoal", lambda path: f"{self.directory}{path[0]}", text)

    def url(self, path, number):
        return f"http://127.0.0.1:{self.port(number)}{path}"


def status_of(url, method="GET", body=None, token=None):
    request = urllib.request.Request(url, data=body, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def settings_of(shoal, arguments, environment):
    """What the binary makes of a command line and an environment: value and source by name."""
    shown = shoal.succeed(*arguments, "--print-config", env=environment).stdout
    lines = [line.split(maxsplit=1) for line in shown.splitlines()]
    return {name: tuple(rest[:-1].rsplit("(", 1)) for name, rest in lines}


def check_settings(shoal, arguments, environment):
    """Every variable that is meant for the binary is one of its settings, and counts."""
    settings = settings_of(shoal, arguments, environment)
    used = {source.split()[-1] for _, source in settings.values() if "environment" in source}
    given = {name for name in environment if name.startswith("SHOAL_")}
    assert given - NO_SETTINGS == used
    return {name: value.strip() for name, (value, _) in settings.items()}


def check_running(shoal, arguments, environment, ready, healthy):
    process = shoal.start(*arguments, env=environment)

    def is_ready():
        assert process.status is None, process.describe()
        return status_of(ready) == 200

    eventually(is_ready, START_SECONDS, f"{ready} answers 200")
    assert status_of(healthy) == 200
    return process


def end(process, grace):
    # Whoever starts it gives it longer than it takes.
    assert grace > 2
    process.stop()
    assert process.status == 0, process.describe()


def check_token(here):
    channel = here.url("/api/v1/channels/prod", 7070)
    body = json.dumps({"model": "acme/llama"}).encode()
    assert status_of(channel, "PUT", body) == 401
    assert status_of(channel, "PUT", body, TOKEN) in (200, 201)


# systemd


def systemd_analyze(*arguments):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed (Debian's package systemd)")
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=30
    )


@pytest.fixture
def units(binary, tmp_path):
    """A copy of the units that names the binary under test."""
    directory = tmp_path / "units"
    directory.mkdir()
    for name in UNITS:
        text = (SYSTEMD / name).read_text().replace(PROGRAM, str(binary))
        (directory / name).write_text(text)
    return directory


def test_systemd_finds_nothing_wrong_with_the_units(units):
    paths = [units / name for name in UNITS]
    checked = systemd_analyze("verify", "--man=no", *paths)
    assert (checked.returncode, checked.stderr) == (0, "")
    # And would: a key that does not exist is a remark.
    (units / "shoal-peer.service").write_text("[Service]\nType=exec\nExecStart=/bin/true\nNo=1\n")
    assert "'No'" in systemd_analyze("verify", "--man=no", units / "shoal-peer.service").stderr


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_is_confined(units, name):
    shown = systemd_analyze(
        "security", "--offline=true", "--no-pager", "--threshold=30", units / name
    )
    assert shown.returncode == 0, shown.stdout[-2000:] + shown.stderr


def test_the_peers_user_can_be_made(tmp_path):
    if not shutil.which("systemd-sysusers"):
        pytest.skip("systemd-sysusers is not installed (Debian's package systemd)")
    if os.geteuid() != 0:
        pytest.skip("users are made by root")
    (tmp_path / "etc").mkdir()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "shoal.sysusers.conf"], check=True
    )
    assert "\nshoal:" in "\n" + (tmp_path / "etc/passwd").read_text()
    service = unit((SYSTEMD / "shoal-peer.service").read_text())["Service"]
    assert service["User"] == service["Group"] == ["shoal"]


def test_the_trackers_unit_starts_and_its_copies_are_made(shoal, tmp_path):
    here = Here(tmp_path)
    service = unit((SYSTEMD / "shoal-tracker.service").read_text())
    command = unit_command(service)
    assert command[0] == PROGRAM
    assert service["Service"]["EnvironmentFile"] == ["/etc/shoal/tracker.env"]
    assert f"--data /var/lib/{service['Service']['StateDirectory'][0]}" in " ".join(command)
    arguments = [here.text(word) for word in command[1:]]
    environment = here.environment | {"SHOAL_TOKEN": TOKEN}
    check_settings(shoal, arguments, environment)
    grace = int(service["Service"]["TimeoutStopSec"][0])
    process = check_running(
        shoal, arguments, environment, here.url("/readyz", 7070), here.url("/healthz", 7070)
    )
    check_token(here)

    backup = unit_command(unit((SYSTEMD / "shoal-tracker-backup.service").read_text()))
    if shutil.which("curl"):
        words = [here.text(word) for word in backup]
        subprocess.run(words, env=environment, check=True, timeout=30)
        assert len(list((tmp_path / "var/lib/shoal-tracker/backups").iterdir())) == 1
        # It fails, and does not just say so, when it is refused.
        refused = subprocess.run(words, env=here.environment, capture_output=True, timeout=30)
        assert refused.returncode != 0
    end(process, grace)


def test_the_peers_unit_starts(shoal, tmp_path):
    here = Here(tmp_path)
    service = unit((SYSTEMD / "shoal-peer.service").read_text())
    command = unit_command(service)
    assert command[0] == PROGRAM
    text = (SYSTEMD / "peer.json").read_text()
    given = json.loads(text)
    assert given["data"] == f"/var/lib/{service['Service']['StateDirectory'][0]}"
    (tmp_path / "etc/shoal").mkdir(parents=True)
    (tmp_path / "etc/shoal/peer.json").write_text(here.text(text))
    arguments = [here.text(word) for word in command[1:]]
    settings = settings_of(shoal, arguments, here.environment)
    assert {name for name, (_, source) in settings.items() if "file" in source} == set(given)
    grace = int(service["Service"]["TimeoutStopSec"][0])
    process = check_running(
        shoal, arguments, here.environment,
        here.url("/readyz", 7072), here.url("/healthz", 7072),
    )
    end(process, grace)


# Kubernetes


@pytest.mark.parametrize("release", KUBERNETES)
def test_kubernetes_knows_every_field_of_the_manifests(release):
    validate = pytest.importorskip("kubernetes_validate")
    for document in documents():
        validate.validate(document, release, strict=True)
    # And would not, if one were misspelt.
    document["specs"] = {}
    with pytest.raises(validate.ValidationError):
        validate.validate(document, release, strict=True)


def test_the_manifests_fit_together():
    found = documents()
    configs, services = named(found, "ConfigMap"), named(found, "Service")
    namespaces = named(found, "Namespace")
    labels = []
    for workload, spec in pods(found):
        labels.append(workload["spec"]["template"]["metadata"]["labels"])
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels[-1].items()
        volumes = {one["name"] for one in spec["volumes"]}
        if workload["kind"] == "StatefulSet":
            assert workload["spec"]["serviceName"] in services
            claims = workload["spec"]["volumeClaimTemplates"]
            volumes |= {claim["metadata"]["name"] for claim in claims}
        for container in spec.get("initContainers", []) + spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            for source in container.get("envFrom", []):
                assert source["configMapRef"]["name"] in configs
        for container in spec["containers"]:
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                port = container[probe]["httpGet"]["port"]
                assert isinstance(port, int) or port in ports
            assert spec["terminationGracePeriodSeconds"] > 2
    for one in found:
        if one["kind"] == "Namespace":
            continue
        assert one["metadata"]["namespace"] in namespaces
        if one["kind"] == "Service":
            assert any(one["spec"]["selector"].items() <= some.items() for some in labels)
        if one["kind"] == "PodDisruptionBudget":
            selector = one["spec"]["selector"]["matchLabels"]
            assert any(selector.items() <= some.items() for some in labels)
    # What is made by hand is in the runbook.
    runbook = (CHECKOUT / "Docs/Operations.md").read_text()
    for _, spec in pods(found):
        for container in spec["containers"]:
            for variable in container.get("env", []):
                secret = variable.get("valueFrom", {}).get("secretKeyRef")
                if secret:
                    made = f"create secret generic {secret['name']} --from-literal={secret['key']}="
                    assert made in runbook


def probed(container, probe, here):
    get = container[probe]["httpGet"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    return here.url(get["path"], ports.get(get["port"], get["port"]))


def test_the_containers_start_and_answer_their_probes(shoal, tmp_path):
    found = documents()
    started = 0
    for workload, spec in pods(found):
        (container,) = spec["containers"]
        here = Here(tmp_path / workload["metadata"]["name"])
        environment = here.environment | {
            name: here.text(value)
            for name, value in container_environment(
                container, found, FIELDS, {"shoal-token": {"token": TOKEN}}
            ).items()
        }
        arguments = [here.text(word) for word in container["args"]]
        settings = check_settings(shoal, arguments, environment)
        grace = spec["terminationGracePeriodSeconds"]
        process = check_running(
            shoal, arguments, environment,
            probed(container, "readinessProbe", here), probed(container, "livenessProbe", here),
        )
        assert status_of(probed(container, "startupProbe", here)) == 200
        if arguments[0] == "tracker":
            check_token(here)
        else:
            assert settings["locality"] == "aws/us-east-1/us-east-1b"
            assert settings["host-name"] == "node-7.example"
        # Its data lies where a volume is mounted.
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert container["args"][container["args"].index("--data") + 1] in mounted
        end(process, grace)
        started += 1
    assert started == 2


# The image


def test_the_image_has_the_libraries_of_the_binary(binary):
    """Those that come from Debian; Swift's are those of the image that it is made from."""
    if not shutil.which("dpkg-query"):
        pytest.skip("no dpkg-query: only Debian says which package a library is of")
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    paths = [line.split("=>")[1].split()[0] for line in linked.splitlines() if "=> /" in line]
    text = (DEPLOY / "Containerfile").read_text()
    image = text[text.rindex("FROM ") :].replace("\\\n", " ").split()
    for path in paths:
        if "/swift/" in path:
            continue
        owner = subprocess.run(
            ["dpkg-query", "--search", *{path, path.replace("/lib/", "/usr/lib/", 1)}],
            capture_output=True, text=True,
        ).stdout.split(":")[0]
        # Every image of Debian has these.
        if owner not in ("libc6", "libgcc-s1"):
            assert owner in image, f"{path} is of '{owner}'"
