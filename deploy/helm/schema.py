"""Every documented value, once of the wrong type and once misspelt: the values schema must refuse both. Prints each gap;
exits 1 when there is one."""

import copy
import json
import pathlib
import sys

import jsonschema
import yaml

CHART = pathlib.Path(__file__).parent / "idp-gateway"
# Free maps and lists of Kubernetes' own shape: any key inside is the operator's.
FREE = {
    "affinity",
    "commonLabels",
    "env",
    "nodeSelector",
    "podAnnotations",
    "podLabels",
}
FREE_ENDS = ("annotations", "labels", "NamespaceLabels")


def paths(values, prefix=()):
    for key, value in values.items():
        yield prefix + (key,)
        if isinstance(value, dict) and not free(prefix + (key,)):
            yield from paths(value, prefix + (key,))


def free(path):
    return path[0] in FREE or path[-1].endswith(FREE_ENDS)


def changed(values, path, change):
    values = copy.deepcopy(values)
    place = values
    for key in path[:-1]:
        place = place[key]
    change(place, path[-1])
    return values


def wrong_type(place, key):
    place[key] = 7.5 if isinstance(place[key], (str, dict, list, bool)) else "x y"


def misspelt(place, key):
    place[key + "x"] = place.pop(key)


def main():
    validator = jsonschema.Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    gaps = [f"values.yaml itself: {error.message}" for error in validator.iter_errors(values)]
    count = 0
    for path in paths(values):
        for name, change in (("wrong type", wrong_type), ("misspelt", misspelt)):
            count += 1
            if validator.is_valid(changed(values, path, change)):
                gaps.append(f"{'.'.join(path)}: {name} is accepted")
    for gap in gaps:
        print(gap)
    print(f"values schema: {count} wrong values tried")
    sys.exit(1 if gaps or count < 100 else 0)


if __name__ == "__main__":
    main()
