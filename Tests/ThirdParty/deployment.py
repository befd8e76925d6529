#!/usr/bin/env python3
"""The Containerfile and the Kubernetes example of the documentation: they can be read, agree with each other, and with the
program, whose options they use.

  deployment.py               against the files and the program
  deployment.py --self-test   that the checks notice each fault
"""

import argparse
import copy
import json
import re
import subprocess
import sys

import yaml

from self_test import check_broken
from service import ROOT, add_binary_option
from thread_reader import Fault

FOLDER = ROOT / "Sources" / "AgentEventsServer" / "AgentEventsServer.docc" / "Resources"
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
# A program that is built without tokens does not have these.
TOKEN_OPTIONS = {"--jwks-url", "--jwt-issuer", "--jwt-audience"}


def expect(what, found, wanted):
    if found != wanted:
        raise Fault(f"{what}: {found!r}, and not {wanted!r}")


def instructions(text):
    """The instructions of a Containerfile, with their arguments."""
    lines = re.sub(r"\\\n", " ", "".join(line for line in text.splitlines(True) if not line.lstrip().startswith("#")))
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        name, _, rest = line.partition(" ")
        if name not in INSTRUCTIONS:
            raise Fault(f"the Containerfile has {name}, which is not one of {', '.join(sorted(INSTRUCTIONS))}")
        found.append((name, rest.strip()))
    return found


def options(arguments):
    """The options of `serve`, each with its values."""
    expect("the command", arguments[0], "serve")
    found, name = {}, None
    for argument in arguments[1:]:
        if argument.startswith("--"):
            name, equals, value = argument.partition("=")
            found.setdefault(name, [])
            if equals:
                found[name].append(value)
        else:
            found[name].append(argument)
    return found


def check_options(what, found, help_text):
    known = set(re.findall(r"--[a-z][a-z-]*", help_text))
    allowed = known if "--jwks-url" in known else known | TOKEN_OPTIONS
    unknown = sorted(set(found) - allowed)
    if unknown:
        raise Fault(f"{what} has the options {', '.join(unknown)}, which serve has not")


def check_container(text, help_text):
    found = instructions(text)
    names = [name for name, _ in found]
    expect("the first instruction", names[0], "FROM")
    for name, rest in found:
        if name == "FROM" and (":" not in rest.split()[0] or rest.split()[0].endswith(":latest")):
            raise Fault(f"FROM {rest} has no version")
        if name == "COPY" and not rest.startswith("--from="):
            for source in rest.split()[:-1]:
                if not (ROOT / source).exists():
                    raise Fault(f"COPY {rest}: there is no {source} in the repository")
    last = names[len(names) - 1 - names[::-1].index("FROM"):]
    image = dict(found[-len(last):])
    if not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", image.get("USER", "")):
        raise Fault(f"USER {image.get('USER')} is not the number of a user without rights")
    expect("the program", json.loads(image["ENTRYPOINT"]), ["/usr/local/bin/agent-events"])
    if not any(name == "COPY" and rest.endswith(" /usr/local/bin/agent-events") for name, rest in found):
        raise Fault("the program is not copied to where it is started")
    command = options(json.loads(image["CMD"]))
    check_options("CMD", command, help_text)
    expect("EXPOSE", image["EXPOSE"], command["--listen"][0].rpartition(":")[2])
    expect("VOLUME", [image["VOLUME"]], command["--data"])
    return image


def check_kubernetes(documents, image, help_text):
    kinds = {document["kind"]: document for document in documents}
    expect("the kinds", sorted(kinds), ["Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"])
    deployment, service = kinds["Deployment"]["spec"], kinds["Service"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    labels = deployment["template"]["metadata"]["labels"]
    expect("the selector of the deployment", deployment["selector"]["matchLabels"], labels)
    expect("the selector of the service", service["selector"], labels)
    # Two processes cannot have one log.
    expect("replicas", (deployment["replicas"], deployment["strategy"]["type"]), (1, "Recreate"))
    found = options(container["args"])
    check_options("the deployment", found, help_text)
    port, metrics = container["ports"]
    check_metrics(deployment["template"]["metadata"], metrics, found, kinds["NetworkPolicy"]["spec"], labels)
    expect("the port", str(port["containerPort"]), found["--listen"][0].rpartition(":")[2])
    expect("the port of the service", service["ports"][0]["targetPort"], port["name"])
    expect("the user", f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}", image["USER"])
    (volume,) = pod["volumes"]
    (mount,) = container["volumeMounts"]
    expect("the volume", (mount["name"], volume["persistentVolumeClaim"]["claimName"]),
           (volume["name"], kinds["PersistentVolumeClaim"]["metadata"]["name"]))
    expect("the folder of the data", [mount["mountPath"]], found["--data"])
    for name, path in [("startupProbe", "/ready"), ("readinessProbe", "/ready"), ("livenessProbe", "/health")]:
        expect(f"the path of {name}", container[name]["httpGet"]["path"], path)
        expect(f"the port of {name}", container[name]["httpGet"]["port"], port["name"])
    delay, timeout = float(found["--drain-delay"][0]), float(found["--drain-timeout"][0])
    expect("terminationGracePeriodSeconds", pod["terminationGracePeriodSeconds"], 60)
    if delay + timeout > 30:
        raise Fault(f"a stop takes {delay + timeout} s, and may take 30")
    if container["readinessProbe"]["periodSeconds"] * container["readinessProbe"]["failureThreshold"] * 2 > delay:
        raise Fault("the readiness is asked for less often than twice in --drain-delay")
    if not container["securityContext"]["readOnlyRootFilesystem"] or container["securityContext"]["allowPrivilegeEscalation"]:
        raise Fault("the container may more than it needs")


def check_metrics(metadata, port, found, policy, labels):
    """Prometheus finds the metrics, on a port of their own, and nobody else gets there; operators' routes stay in the pod."""
    number = str(port["containerPort"])
    host, _, listened = found["--metrics-listen"][0].rpartition(":")
    expect("the port of the metrics", (host, listened, port["name"]), ("0.0.0.0", number, "metrics"))
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": number, "prometheus.io/path": "/metrics"}
    expect("the annotations", metadata["annotations"], annotations)
    expect("the listener for operators", found["--internal-listen"][0].rpartition(":")[0], "127.0.0.1")
    expect("the pods of the policy", (policy["podSelector"]["matchLabels"], policy["policyTypes"]), (labels, ["Ingress"]))
    admitted = {entry["port"]: rule.get("from") for rule in policy["ingress"] for entry in rule.get("ports", [{"port": None}])}
    expect("the ports of the policy", sorted(admitted, key=str), ["http", "metrics"])
    for name, peers in admitted.items():
        if not peers or not all(peer.get("namespaceSelector", {}).get("matchLabels") for peer in peers):
            raise Fault(f"everybody in the cluster reaches the port {name}")


def files():
    return (FOLDER / "Containerfile").read_text(), list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))


def run(binary):
    help_text = subprocess.run([str(binary), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    container, documents = files()
    check_kubernetes(documents, check_container(container, help_text), help_text)
    print("deployment: the Containerfile and the Kubernetes example agree with each other and with the program")


def self_test():
    container, documents = files()
    known = " ".join(re.findall(r"--[a-z-]+", container + (FOLDER / "kubernetes.yaml").read_text()))
    image = check_container(container, known)
    check_kubernetes(documents, image, known)

    def changed(change, kind="Service"):
        broken = copy.deepcopy(documents)
        by_kind = {document["kind"]: document for document in broken}
        change(by_kind["Deployment"]["spec"], by_kind.get(kind, by_kind["Service"])["spec"])
        return lambda: check_kubernetes(broken, image, known)

    def pod(deployment):
        return deployment["template"]["spec"]

    def first(deployment):
        return pod(deployment)["containers"][0]

    def replaced(old, new, help_text=known):
        if old not in container:
            raise RuntimeError(f"nothing to break: {old}")
        return lambda: check_container(container.replace(old, new), help_text)

    return check_broken("deployment", [
        ("an instruction that there is not", "COPYY", replaced("COPY Sources", "COPYY Sources")),
        ("a file that there is not", "no Source ", replaced("COPY Sources Sources", "COPY Source Sources")),
        ("an image without a version", "no version", replaced("ubuntu:24.04", "ubuntu:latest")),
        ("a user with all rights", "USER", replaced("USER 65532:65532", "USER 0")),
        ("another port", "EXPOSE", replaced("EXPOSE 8080", "EXPOSE 80")),
        ("an option that there is not", "--drain-delays", replaced("--drain-delay\"", "--drain-delays\"")),
        ("no program", "not copied", replaced("/install/agent-events /usr/local/bin/agent-events", "/install/agent-events /bin/x")),
        ("two processes on one log", "replicas", changed(lambda d, s: d.update(replicas=2))),
        ("a service of other pods", "selector", changed(lambda d, s: s.update(selector={"a": "b"}))),
        ("a stop that is cut off", "terminationGrace", changed(lambda d, s: pod(d).update(terminationGracePeriodSeconds=10))),
        ("a stop that takes long", "may take 30", changed(lambda d, s: first(d)["args"].append("--drain-timeout=90") or
                                                          first(d)["args"].remove("--drain-timeout=20"))),
        ("a readiness that nobody asks for", "less often", changed(lambda d, s: first(d)["readinessProbe"].update(periodSeconds=10))),
        ("a liveness that is the readiness", "livenessProbe",
         changed(lambda d, s: first(d)["livenessProbe"]["httpGet"].update(path="/ready"))),
        ("another user", "the user", changed(lambda d, s: pod(d)["securityContext"].update(runAsUser=1000))),
        ("an option of the deployment that there is not", "--nothing",
         changed(lambda d, s: first(d)["args"].append("--nothing=1"))),
        ("metrics at another port", "the port of the metrics",
         changed(lambda d, s: first(d)["ports"][1].update(containerPort=9465))),
        ("metrics that Prometheus does not find", "the annotations",
         changed(lambda d, s: d["template"]["metadata"]["annotations"].update({"prometheus.io/port": "8081"}))),
        ("operators from everywhere", "the listener for operators",
         changed(lambda d, s: first(d)["args"].append("--internal-listen=0.0.0.0:8081") or
                 first(d)["args"].remove("--internal-listen=127.0.0.1:8081"))),
        ("metrics for everybody", "everybody in the cluster", changed(lambda d, p: p["ingress"][1].pop("from"), "NetworkPolicy")),
        ("metrics for each pod", "everybody in the cluster",
         changed(lambda d, p: p["ingress"][1].update({"from": [{"podSelector": {}}]}), "NetworkPolicy")),
        ("a policy for other pods", "the pods of the policy",
         changed(lambda d, p: p["podSelector"]["matchLabels"].update(a="b"), "NetworkPolicy")),
        ("data that is not kept", "the folder of the data",
         changed(lambda d, s: first(d)["volumeMounts"][0].update(mountPath="/other"))),
    ])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    try:
        sys.exit(self_test() if arguments.self_test else run(arguments.binary))
    except Fault as fault:
        print(f"deployment: {fault}")
        sys.exit(1)
