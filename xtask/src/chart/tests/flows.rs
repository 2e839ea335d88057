//! Evaluates the network policy of a render as a cluster would, against a table of flows.

use super::{golden, of_kind};
use crate::chart::list;
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Address(&'static str),
    /// A pod with this one label, in the namespace of this name.
    Pod(&'static str, &'static str),
}

use Direction::{Egress, Ingress};
use Peer::{Address, Pod};

#[derive(Clone, Copy, Debug)]
enum Direction {
    Ingress,
    Egress,
}

const DNS: &str = "k8s-app=kube-dns";
const TEST: &str = "app.kubernetes.io/name=idp-gateway-test";

/// For the production scenario in the namespace `idp`: direction, peer, port, protocol, allowed.
const FLOWS: [(Direction, Peer, u64, &str, bool); 27] = [
    (Ingress, Pod("ingress-nginx", ""), 8080, "TCP", true),
    (Ingress, Pod("ingress-nginx", ""), 9090, "TCP", false),
    (Ingress, Pod("ingress-nginx", ""), 22, "TCP", false),
    (Ingress, Pod("monitoring", ""), 9090, "TCP", true),
    (Ingress, Pod("monitoring", ""), 8080, "TCP", false),
    (Ingress, Pod("other", ""), 8080, "TCP", false),
    (Ingress, Pod("other", ""), 9090, "TCP", false),
    // A label alone does not help a pod of another namespace.
    (Ingress, Pod("other", TEST), 9090, "TCP", false),
    (Ingress, Pod("idp", TEST), 9090, "TCP", true),
    (Ingress, Pod("idp", ""), 9090, "TCP", false),
    (Ingress, Pod("idp", ""), 8080, "TCP", false),
    (Ingress, Address("203.0.113.9"), 8080, "TCP", false),
    (Egress, Pod("kube-system", DNS), 53, "UDP", true),
    (Egress, Pod("kube-system", DNS), 53, "TCP", true),
    (Egress, Pod("kube-system", ""), 53, "UDP", false),
    (Egress, Pod("other", ""), 6379, "TCP", false),
    (Egress, Address("140.82.121.6"), 443, "TCP", true),
    (Egress, Address("2606:50c0:8000::64"), 443, "TCP", true),
    (Egress, Address("140.82.121.6"), 443, "UDP", false),
    (Egress, Address("140.82.121.6"), 80, "TCP", false),
    (Egress, Address("169.254.169.254"), 443, "TCP", false),
    (Egress, Address("10.0.0.1"), 443, "TCP", false),
    (Egress, Address("172.20.0.1"), 443, "TCP", false),
    (Egress, Address("192.168.1.1"), 443, "TCP", false),
    (Egress, Address("100.64.0.1"), 443, "TCP", false),
    (Egress, Address("fd00::1"), 443, "TCP", false),
    (Egress, Address("64:ff9b::a9fe:a9fe"), 443, "TCP", false),
];

/// The flows that the policies of a render decide otherwise than the table.
fn surprises(documents: &[Value]) -> Vec<String> {
    let policies: Vec<_> = of_kind(documents, "NetworkPolicy").collect();
    let decided = |flow: &(Direction, Peer, u64, &str, bool)| {
        let (direction, peer, port, protocol, _) = *flow;
        !policies.is_empty() && policies.iter().any(|policy| allows(policy, direction, peer, port, protocol))
    };
    FLOWS
        .iter()
        .filter(|flow| decided(flow) != flow.4)
        .map(|(direction, peer, port, protocol, wanted)| {
            let decision = if *wanted { "refused" } else { "allowed" };
            format!("{direction:?} {peer:?} {protocol}/{port} is {decision}")
        })
        .collect()
}

fn allows(policy: &Value, direction: Direction, peer: Peer, port: u64, protocol: &str) -> bool {
    let (kind, rules, side) = match direction {
        Ingress => ("Ingress", "ingress", "from"),
        Egress => ("Egress", "egress", "to"),
    };
    let spec = &policy["spec"];
    if !list(&spec["policyTypes"]).iter().any(|covered| covered == kind) {
        return true;
    }
    let own = policy["metadata"]["namespace"].as_str().unwrap_or_default();
    list(&spec[rules]).iter().any(|rule| {
        let ports = list(&rule["ports"]);
        let on_port = ports.is_empty()
            || ports
                .iter()
                .any(|open| open["port"] == port && open["protocol"].as_str().unwrap_or("TCP") == protocol);
        let peers = list(&rule[side]);
        on_port && (peers.is_empty() || peers.iter().any(|entry| is_peer(entry, peer, own)))
    })
}

fn is_peer(entry: &Value, peer: Peer, own: &str) -> bool {
    let block = &entry["ipBlock"];
    match peer {
        Address(address) => {
            let covers = |cidr: &Value| inside(address, cidr.as_str().unwrap_or_default());
            block.is_object() && covers(&block["cidr"]) && !list(&block["except"]).iter().any(covers)
        }
        Pod(namespace, label) => {
            let name = format!("kubernetes.io/metadata.name={namespace}");
            let in_namespace = match &entry["namespaceSelector"] {
                Value::Null => namespace == own,
                selector => selects(selector, &[&name]),
            };
            block.is_null()
                && in_namespace
                && selects(&entry["podSelector"], &[label, "app.kubernetes.io/instance=gateway"])
        }
    }
}

/// No selector, and an empty one, select everything.
fn selects(selector: &Value, labels: &[&str]) -> bool {
    let wanted = selector["matchLabels"].as_object().into_iter().flatten();
    wanted
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .all(|label| labels.contains(&label.as_str()))
}

fn inside(address: &str, cidr: &str) -> bool {
    match (address.parse::<IpAddr>(), cidr.parse::<IpNet>()) {
        (Ok(address), Ok(network)) => network.contains(&address),
        _ => false,
    }
}

fn production() -> Vec<Value> {
    golden().into_iter().find(|(name, _)| name == "production").unwrap().1
}

#[test]
fn tm_p02_the_network_policy_allows_what_is_needed_and_nothing_else() {
    assert_eq!(surprises(&production()), Vec::<String>::new());
    assert!(!surprises(&[]).is_empty(), "no policy allows everything");
}

#[test]
fn tm_p02_every_scenario_has_a_policy_for_both_directions() {
    for (scenario, documents) in golden() {
        let types =
            of_kind(&documents, "NetworkPolicy").flat_map(|policy| list(&policy["spec"]["policyTypes"]));
        assert_eq!(types.collect::<Vec<_>>(), ["Ingress", "Egress"], "{scenario}");
    }
}

#[test]
fn tm_p02_a_wider_policy_is_noticed() {
    let widened = |place: &str, value: Value| {
        let mut documents = production();
        let policy = documents.iter_mut().find(|document| document["kind"] == "NetworkPolicy").unwrap();
        *policy.pointer_mut(place).unwrap() = value;
        surprises(&documents)
    };
    let any = serde_json::json!([]);
    assert!(!widened("/spec/egress/1/to/0/ipBlock/except", any.clone()).is_empty());
    assert!(!widened("/spec/egress/1/ports", any.clone()).is_empty());
    assert!(!widened("/spec/ingress/0/from", any.clone()).is_empty());
    assert!(!widened("/spec/policyTypes", serde_json::json!(["Ingress"])).is_empty());
    assert!(!widened("/spec/ingress", any).is_empty());
}
