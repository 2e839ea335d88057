"""Validates rendered manifests: core kinds against several Kubernetes versions, custom ones against given CRD schemas,
and every pod against the restricted pod security profile. Prints each finding; exits 1 when there is one."""

import argparse
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

CUSTOM = {
    "HTTPRoute": "httproute_v1.json",
    "PrometheusRule": "prometheusrule_v1.json",
    "ServiceMonitor": "servicemonitor_v1.json",
}


def restricted(pod):
    """What the restricted profile and our own rules ask of a pod's spec, as (rule, holds)."""
    security = pod.get("securityContext", {})
    yield "runAsNonRoot", security.get("runAsNonRoot") is True
    yield "numeric user", isinstance(security.get("runAsUser"), int) and security["runAsUser"] > 0
    yield "seccomp RuntimeDefault", security.get("seccompProfile", {}).get("type") == "RuntimeDefault"
    yield "no service account token", pod.get("automountServiceAccountToken") is False
    yield "no service links", pod.get("enableServiceLinks") is False
    yield "no host namespaces", not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    yield "no hostPath", not any("hostPath" in volume for volume in pod.get("volumes", []))
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        yield "no privilege escalation", own.get("allowPrivilegeEscalation") is False
        yield "not privileged", not own.get("privileged")
        yield "read-only root", own.get("readOnlyRootFilesystem") is True
        yield "all capabilities dropped", own.get("capabilities", {}).get("drop") == ["ALL"]
        yield "a memory limit", "memory" in container.get("resources", {}).get("limits", {})


def findings(document, versions, crds):
    kind = document["kind"]
    if kind in CUSTOM:
        if crds:
            schema = json.loads((crds / CUSTOM[kind]).read_text())
            for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
                yield f"{error.json_path}: {error.message}"
    else:
        for version in versions:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                yield f"Kubernetes {version}: {getattr(error, 'message', error)}"
    pod = document.get("spec") if kind == "Pod" else document.get("spec", {}).get("template", {}).get("spec")
    if pod:
        for rule, holds in restricted(pod):
            if not holds:
                yield f"pod security: {rule}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", required=True)
    parser.add_argument("--crds", type=pathlib.Path)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    count = 0
    for file in options.files:
        for document in filter(None, yaml.safe_load_all(file.read_text())):
            for finding in findings(document, options.versions.split(","), options.crds):
                print(f"{file.name}: {document['kind']} {document['metadata']['name']}: {finding}")
                count += 1
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
