"""Validates manifests: core kinds against several Kubernetes versions, custom ones against the schemas in `crds`. Prints each
finding; exits 1 when there is one."""

import argparse
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

CRDS = pathlib.Path(__file__).parent / "crds"
CUSTOM = {
    "ExternalSecret": "externalsecret_v1.json",
    "HTTPRoute": "httproute_v1.json",
    "PrometheusRule": "prometheusrule_v1.json",
    "ServiceMonitor": "servicemonitor_v1.json",
}


def findings(document, versions):
    kind = document["kind"]
    if kind in CUSTOM:
        schema = json.loads((CRDS / CUSTOM[kind]).read_text())
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
            yield f"{error.json_path}: {error.message}"
    else:
        for version in versions:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                yield f"Kubernetes {version}: {getattr(error, 'message', error)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", required=True)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    count = 0
    for file in options.files:
        for document in filter(None, yaml.safe_load_all(file.read_text())):
            for finding in findings(document, options.versions.split(",")):
                print(f"{file.name}: {document['kind']} {document['metadata']['name']}: {finding}")
                count += 1
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
