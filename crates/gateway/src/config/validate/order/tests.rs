use crate::config::load::load;

/// The warnings about rules, as key and first words.
fn warnings(provider: &str, callers: &str) -> Vec<String> {
    let text = format!(
        "[tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"g\"\nclient_secret = \"s\"\n[server]\npublic_url = \"https://gw.acme.com\"\n\
         [callers]\naudience = [\"https://api.acme.com\"]\n{callers}\n[providers.github]\n{provider}"
    );
    let loaded = load(&text, None, &[]).unwrap();
    loaded.warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.problem)).collect()
}

fn rules(access: &str, rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("[[providers.github.rules]]\n{rule}\n")).collect();
    format!("access = \"{access}\"\n{rules}")
}

#[test]
fn a_rule_that_never_matches_is_named() {
    let wide = "methods = [\"GET\"]\npaths = [\"/orgs/**\", \"/user/{x}\"]";
    for (later, shadowed) in [
        ("methods = [\"GET\"]\npaths = [\"/orgs/acme\"]", true),
        ("methods = [\"HEAD\"]\npaths = [\"/orgs/{org}/teams\", \"/user/emails\"]", true),
        ("methods = [\"GET\", \"POST\"]\npaths = [\"/orgs/acme\"]", false),
        ("paths = [\"/orgs/acme\"]", false),
        ("methods = [\"GET\"]\npaths = [\"/orgs/acme\", \"/markdown\"]", false),
        ("methods = [\"GET\"]\npaths = [\"/orgs/acme\"]\nclients = [\"spa\"]", true),
    ] {
        let found = warnings(&rules("rules", &[wide, later]), "");
        let named =
            found.iter().any(|text| text.starts_with("providers.github.rules[1]: the rule never matches"));
        assert_eq!(named, shadowed, "{later}: {found:?}");
    }
    let narrow = "methods = [\"GET\"]\npaths = [\"/orgs/**\"]\nclients = [\"spa\"]";
    let found = warnings(
        &rules("rules", &[narrow, "methods = [\"GET\"]\npaths = [\"/orgs/acme\"]\nclients = [\"spa\"]"]),
        "",
    );
    assert!(found.iter().any(|text| text.contains("never matches")), "{found:?}");
    let found = warnings(&rules("rules", &["paths = [\"/**\"]", "paths = [\"/graphql\"]"]), "");
    assert!(!found.iter().any(|text| text.contains("never matches")), "guarded: {found:?}");
    for callers in ["clients = [\"other\"]", "actors = \"none\"", "actors = [\"other\"]"] {
        let rule = "paths = [\"/orgs/**\"]\nclients = [\"spa\"]\nactors = [\"planner\"]";
        let found = warnings(&rules("rules", &[rule]), callers);
        assert!(found.iter().any(|text| text.contains("never matches")), "{callers}: {found:?}");
    }
}

#[test]
fn what_opens_a_restricted_call_is_named() {
    let alone = "methods = [\"POST\"]\npaths = [\"/repos/{owner}/{repo}/issues\"]\nactors = \"none\"";
    for (later, opens) in [
        ("paths = [\"/repos/acme/**\"]", true),
        ("methods = [\"POST\"]\npaths = [\"/repos/acme/{repo}/issues\"]\nclients = [\"spa\"]", true),
        ("methods = [\"POST\"]\npaths = [\"/repos/acme/{repo}/issues\"]\nactors = [\"planner\"]", false),
        ("methods = [\"GET\"]\npaths = [\"/repos/**\"]", false),
        ("paths = [\"/orgs/**\"]", false),
        ("paths = [\"/repos/acme/**\"]\nallow = false", false),
        ("paths = [\"/repos/acme/**\"]\nrequire_scope = \"write\"", false),
    ] {
        let found = warnings(&rules("rules", &[alone, later]), "");
        let named = found.iter().any(|text| text.starts_with("providers.github.rules[0]: `rules[1]` allows"));
        assert_eq!(named, opens, "{later}: {found:?}");
    }
    let reads = "methods = [\"GET\"]\npaths = [\"/user\"]\nclients = [\"spa\"]";
    for (access, rule, open) in
        [("read", reads, true), ("full", alone, true), ("read", alone, false), ("rules", reads, false)]
    {
        let found = warnings(&rules(access, &[rule]), "");
        assert_eq!(
            found.iter().any(|text| text.contains("is allowed by `access`")),
            open,
            "{access}: {found:?}"
        );
    }
}

#[test]
fn a_rule_that_closes_the_same_calls_again_ends_the_warnings() {
    let reads = "methods = [\"GET\"]\npaths = [\"/repos/**\"]\nclients = [\"list\"]";
    let all = "methods = [\"GET\"]\npaths = [\"/**\"]";
    for (between, opens) in [
        ("paths = [\"/**\"]\nclients = [\"list\"]\nallow = false", false),
        ("paths = [\"/repos/**\"]\nallow = false", false),
        ("methods = [\"GET\"]\npaths = [\"/**\"]\nclients = [\"list\", \"other\"]\nallow = false", false),
        ("paths = [\"/**\"]\nclients = [\"other\"]\nallow = false", true),
        ("paths = [\"/repos/acme/**\"]\nallow = false", true),
        ("methods = [\"POST\"]\npaths = [\"/**\"]\nclients = [\"list\"]\nallow = false", true),
    ] {
        let found = warnings(&rules("rules", &[reads, between, all]), "");
        assert_eq!(
            found.iter().any(|text| text.contains("`rules[2]` allows")),
            opens,
            "{between}: {found:?}"
        );
        let found = warnings(&rules("read", &[reads, between]), "");
        let by_access = found.iter().any(|text| text.contains("is allowed by `access`"));
        assert_eq!(by_access, opens, "{between}: {found:?}");
    }
}

#[test]
fn rules_that_narrow_nothing_and_unknown_hosts_are_named() {
    let plain = "paths = [\"/user\"]";
    let idle = |access, rule| {
        warnings(&rules(access, &[rule]), "").iter().any(|text| text.contains("allows these calls anyway"))
    };
    assert!(idle("full", plain) && !idle("rules", plain));
    assert!(!idle("full", "paths = [\"/user\"]\nallow = false") && !idle("full", "paths = [\"/graphql\"]"));
    let host = |host: &str| {
        let rule = format!("paths = [\"/user\"]\nhosts = [\"{host}\"]");
        warnings(&rules("rules", &[&rule]), "")
            .iter()
            .any(|text| text.contains("not a host of this provider"))
    };
    assert!(host("people.googleapis.com") && !host("api.github.com") && !host("uploads.github.com"));
}
