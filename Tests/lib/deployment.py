"""What Docs/deploy holds, read the way systemd and Kubernetes read it: command lines with their
environment, as they would be started."""

import re
import shlex

# Where the files say the program is.
PROGRAM = "/usr/local/bin/shoal"


def unit(text):
    """The settings of a unit by section and key, each a list in the order of the file."""
    sections, current = {}, None
    for line in text.replace("\\\n", "").splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            current = sections.setdefault(line.strip("[]"), {})
        else:
            key, value = line.split("=", 1)
            current.setdefault(key, []).append(value)
    return sections


def unit_command(unit):
    """The words of its ExecStart."""
    (text,) = unit["Service"]["ExecStart"]
    return [word.replace("%%", "%") for word in shlex.split(text)]


def pods(documents):
    """The pods of workloads, as pairs of the workload and the pod's spec."""
    for document in documents:
        if document["kind"] in ("StatefulSet", "DaemonSet", "Deployment"):
            yield document, document["spec"]["template"]["spec"]


def named(documents, kind):
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}


def container_environment(container, documents, fields, secrets):
    """What a container finds in its environment. `fields` and `secrets` stand for the cluster."""
    configs = named(documents, "ConfigMap")
    environment = {}
    for source in container.get("envFrom", []):
        environment |= configs[source["configMapRef"]["name"]]["data"]
    for variable in container.get("env", []):
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            value = fields[source["fieldRef"]["fieldPath"]]
        elif "secretKeyRef" in source:
            value = secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        else:
            # Kubernetes leaves what it does not know as it is.
            value = re.sub(
                r"\$\((\w+)\)", lambda name: environment.get(name[1], name[0]), variable["value"]
            )
        environment[variable["name"]] = value
    return environment
