//! The restricted profile of Kubernetes' pod security, and what we ask beyond it.

use super::{golden, of_kind};
use crate::chart::{list, pod};
use crate::{image, sh};
use serde_json::Value;

/// What a document's pods do not keep, as `kind name: rule`; documents without pods keep everything.
fn findings(document: &Value) -> Vec<String> {
    let pod = pod(document);
    if !pod.is_object() {
        return Vec::new();
    }
    let name = |value: &Value| format!("{} {}", text(&value["kind"]), text(&value["metadata"]["name"]));
    rules(pod)
        .into_iter()
        .filter(|(_, holds)| !holds)
        .map(|(rule, _)| format!("{}: {rule}", name(document)))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn rules(pod: &Value) -> Vec<(&'static str, bool)> {
    let security = &pod["securityContext"];
    let mut rules = vec![
        ("runs as non-root", security["runAsNonRoot"] == true),
        ("a numeric user", security["runAsUser"].as_u64().is_some_and(|user| user > 0)),
        ("a numeric group", security["runAsGroup"].as_u64().is_some_and(|group| group > 0)),
        ("the runtime's seccomp profile", security["seccompProfile"]["type"] == "RuntimeDefault"),
        ("no token of a service account", pod["automountServiceAccountToken"] == false),
        ("no service links", pod["enableServiceLinks"] == false),
        ("no host name spaces", ["hostNetwork", "hostPID", "hostIPC"].iter().all(|key| !is_true(&pod[*key]))),
        ("no volume of the host", list(&pod["volumes"]).iter().all(|volume| volume["hostPath"].is_null())),
        ("at least one container", !list(&pod["containers"]).is_empty()),
    ];
    for container in [&pod["initContainers"], &pod["containers"]].into_iter().flat_map(list) {
        rules.extend(container_rules(container));
    }
    rules
}

fn container_rules(container: &Value) -> [(&'static str, bool); 7] {
    let own = &container["securityContext"];
    let resources = &container["resources"];
    let (request, limit) = (&resources["requests"]["memory"], &resources["limits"]["memory"]);
    [
        ("no more privileges than at the start", own["allowPrivilegeEscalation"] == false),
        ("not privileged", !is_true(&own["privileged"])),
        ("a read-only root", own["readOnlyRootFilesystem"] == true),
        ("all capabilities dropped", list(&own["capabilities"]["drop"]).iter().any(|drop| drop == "ALL")),
        ("no capability added", list(&own["capabilities"]["add"]).is_empty()),
        ("memory that it can count on: the limit is the request", limit.is_string() && limit == request),
        ("no port of the host", list(&container["ports"]).iter().all(|port| port["hostPort"].is_null())),
    ]
}

fn is_true(value: &Value) -> bool {
    value == true
}

#[test]
fn tm_p01_every_pod_of_every_render_is_restricted() {
    let renders = golden();
    assert!(renders.len() >= 6);
    for (scenario, documents) in renders {
        let pods = documents.iter().filter(|document| pod(document).is_object()).count();
        assert_eq!(pods, 2, "{scenario}: the deployment and the test");
        let findings: Vec<_> = documents.iter().flat_map(findings).collect();
        assert!(findings.is_empty(), "{scenario}: {findings:?}");
    }
}

#[test]
fn tm_p01_each_rule_is_missed_when_it_does_not_hold() {
    let (_, documents) = golden().remove(0);
    let deployment = of_kind(&documents, "Deployment").next().unwrap();
    let pod = "/spec/template/spec";
    let container = "/spec/template/spec/containers/0";
    let breaks = [
        (format!("{pod}/securityContext"), serde_json::json!({})),
        (format!("{pod}/securityContext/runAsUser"), 0.into()),
        (format!("{pod}/securityContext/seccompProfile/type"), "Unconfined".into()),
        (format!("{pod}/automountServiceAccountToken"), true.into()),
        (format!("{pod}/enableServiceLinks"), true.into()),
        (format!("{pod}/volumes/0"), serde_json::json!({ "hostPath": { "path": "/" } })),
        (format!("{container}/securityContext/privileged"), true.into()),
        (format!("{container}/securityContext/allowPrivilegeEscalation"), true.into()),
        (format!("{container}/securityContext/readOnlyRootFilesystem"), false.into()),
        (format!("{container}/securityContext/capabilities/drop"), serde_json::json!(["NET_RAW"])),
        (format!("{container}/resources/limits"), serde_json::json!({})),
        (format!("{container}/ports/0"), serde_json::json!({ "hostPort": 8080 })),
    ];
    for (place, value) in breaks {
        let mut broken = deployment.clone();
        *broken.pointer_mut(&place).unwrap_or_else(|| panic!("no {place}")) = value;
        assert!(!findings(&broken).is_empty(), "{place}");
    }
}

/// What the image holds is looked at by `cargo xtask image`; that nothing else gets in can be told from here.
#[test]
fn tm_p01_the_image_is_one_program_of_a_numeric_user() {
    let dockerfile = sh::root().unwrap().read_file(image::DOCKERFILE).unwrap();
    let stage = image::last_stage(&dockerfile).unwrap();
    let lines = |word: &str| stage.lines().filter(|line| line.starts_with(word)).collect::<Vec<_>>();
    assert_eq!(lines("FROM"), ["FROM scratch"]);
    assert_eq!(lines("COPY").len(), 2, "the program and the roots");
    assert!(lines("RUN").is_empty() && lines("ADD").is_empty());
    assert_eq!(lines("USER"), ["USER 65532:65532"]);
    assert_eq!(lines("ENTRYPOINT"), [r#"ENTRYPOINT ["/gateway"]"#]);
}
