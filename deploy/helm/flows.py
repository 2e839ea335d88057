"""Evaluates the NetworkPolicy of a render against a table of flows. Prints each surprise; exits 1 when there is one."""

import ipaddress
import pathlib
import sys

import yaml

ANY = {}
INGRESS_NGINX = {"kubernetes.io/metadata.name": "ingress-nginx"}
MONITORING = {"kubernetes.io/metadata.name": "monitoring"}
OTHER = {"kubernetes.io/metadata.name": "other"}
DNS = {"k8s-app": "kube-dns"}

# direction, peer (address, or labels of namespace and pod), port, protocol, allowed; for the production scenario.
FLOWS = [
    ("Ingress", (INGRESS_NGINX, ANY), 8080, "TCP", True),
    ("Ingress", (INGRESS_NGINX, ANY), 9090, "TCP", False),
    ("Ingress", (MONITORING, ANY), 9090, "TCP", True),
    ("Ingress", (MONITORING, ANY), 8080, "TCP", False),
    ("Ingress", (OTHER, ANY), 8080, "TCP", False),
    ("Ingress", (OTHER, ANY), 9090, "TCP", False),
    ("Ingress", (INGRESS_NGINX, ANY), 22, "TCP", False),
    ("Ingress", "203.0.113.9", 8080, "TCP", False),
    ("Egress", (OTHER, DNS), 53, "UDP", True),
    ("Egress", (OTHER, DNS), 53, "TCP", True),
    ("Egress", (OTHER, ANY), 53, "UDP", False),
    ("Egress", "140.82.121.6", 443, "TCP", True),
    ("Egress", "2606:50c0:8000::64", 443, "TCP", True),
    ("Egress", "140.82.121.6", 80, "TCP", False),
    ("Egress", "169.254.169.254", 443, "TCP", False),
    ("Egress", "10.0.0.1", 443, "TCP", False),
    ("Egress", "172.20.0.1", 443, "TCP", False),
    ("Egress", "192.168.1.1", 443, "TCP", False),
    ("Egress", "100.64.0.1", 443, "TCP", False),
    ("Egress", "fd00::1", 443, "TCP", False),
    ("Egress", "64:ff9b::a9fe:a9fe", 443, "TCP", False),
    ("Egress", "140.82.121.6", 443, "UDP", False),
    ("Egress", (OTHER, ANY), 6379, "TCP", False),
]


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def is_peer(entry, peer):
    if isinstance(peer, str):
        block = entry.get("ipBlock")
        if not block:
            return False
        address = ipaddress.ip_address(peer)
        inside = lambda cidr: address in ipaddress.ip_network(cidr)
        return inside(block["cidr"]) and not any(inside(cidr) for cidr in block.get("except", []))
    if "ipBlock" in entry:
        return False
    namespace, pod = peer
    # Without a selector of namespaces only the policy's own one counts; none of the table's peers is in it.
    own = "namespaceSelector" not in entry
    return not own and selects(entry["namespaceSelector"], namespace) and selects(entry.get("podSelector", {}), pod)


def allowed(policy, direction, peer, port, protocol):
    side = "from" if direction == "Ingress" else "to"
    for rule in policy["spec"].get(direction.lower(), []):
        ports = rule.get("ports")
        on_port = not ports or any(p["port"] == port and p.get("protocol", "TCP") == protocol for p in ports)
        if on_port and (side not in rule or any(is_peer(entry, peer) for entry in rule[side])):
            return True
    return direction not in policy["spec"]["policyTypes"]


def main():
    documents = yaml.safe_load_all(pathlib.Path(sys.argv[1]).read_text())
    policies = [document for document in documents if document and document["kind"] == "NetworkPolicy"]
    if not policies:
        sys.exit("no NetworkPolicy in the render")
    surprises = 0
    for direction, peer, port, protocol, wanted in FLOWS:
        if any(allowed(policy, direction, peer, port, protocol) for policy in policies) != wanted:
            print(f"{direction} {peer} {protocol}/{port} is {'refused' if wanted else 'allowed'}")
            surprises += 1
    sys.exit(1 if surprises else 0)


if __name__ == "__main__":
    main()
