//! Made crates with and without circles.

use super::*;

fn files(sources: &[(&str, &str)]) -> Vec<Tracked> {
    let file = |(name, text): &(&str, &str)| Tracked {
        path: format!("crates/gateway/src/{name}"),
        text: (*text).to_owned(),
    };
    sources.iter().map(file).collect()
}

fn circle(sources: &[(&str, &str)]) -> Vec<String> {
    let files = files(sources);
    check(&files).unwrap().into_iter().map(|finding| finding.what).collect()
}

#[test]
fn a_circle_of_three_files_is_found_however_the_paths_are_written() {
    let root = ("lib.rs", "mod a; mod b; mod c;");
    for uses_c in [
        "use crate::c::C;",
        "use super::super::c::{self as d, C};",
        "fn f() { crate::c::f() }",
        "use crate::c; fn f() -> c::C { loop {} }",
        "fn f() { println!(\"{}\", crate::c::VALUE) }",
        "mod inside { use super::super::super::c::C; }",
        "fn f() { use crate::{c::*}; }",
    ] {
        let sources = [
            root,
            ("a.rs", "use super::b::x::B;"),
            ("b/mod.rs", "pub mod x;"),
            ("b/x.rs", uses_c),
            ("c.rs", "use crate::a;"),
        ];
        let found = circle(&sources);
        assert_eq!(found.len(), 1, "{uses_c}: {found:?}");
        assert!(found[0].starts_with("3 files import each other"), "{found:?}");
    }
}

#[test]
fn a_glob_of_a_reexport_is_refused() {
    let sources = [("lib.rs", "mod a; mod b;"), ("a.rs", "pub(crate) use crate::b::*;"), ("b.rs", "")];
    let refused = check(&files(&sources)).err().unwrap().to_string();
    assert!(refused.contains("a.rs: `*` in a re-export"), "{refused}");
}

#[test]
fn two_files_may_import_each_other_and_tests_whatever_they_like() {
    let sources = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b;"),
        (
            "b.rs",
            "use crate::a; #[cfg(test)] use crate::c; #[cfg(test)] mod tests { use crate::c; } #[cfg(test)] mod rig;",
        ),
        ("b/rig.rs", "use crate::c;"),
        ("b/tests.rs", "use crate::c;"),
        ("c.rs", "use crate::a; pub(in crate::b) struct X;"),
    ];
    assert_eq!(circle(&sources), Vec::<String>::new());
}

#[test]
fn children_that_need_their_parent_are_a_circle_when_it_needs_them() {
    let child = "use super::Shared;";
    let sources = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; mod c; struct Shared; fn f() { b::f(); c::f(); }"),
        ("a/b.rs", child),
        ("a/c.rs", child),
    ];
    assert_eq!(circle(&sources).len(), 1);
}

#[test]
fn the_drawing_and_the_code_must_say_the_same() {
    let code = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a/mod.rs", "mod x; use crate::b;"),
        ("a/x.rs", "use crate::c; use super::y;"),
        ("b.rs", "use crate::c;"),
        ("c.rs", ""),
    ];
    let found = |drawing: &str| -> Vec<String> {
        let mut all = files(&code);
        let text = format!("# Page\n\n```text\nmodules of gateway\n{drawing}```\nb -> a\n");
        all.push(Tracked { path: DRAWING.into(), text });
        check(&all).unwrap().into_iter().map(|finding| finding.what).collect()
    };
    assert_eq!(found("a -> b\n     c\nb -> c\nc ->\n"), Vec::<String>::new());
    assert_eq!(found("a -> b\nb -> c\nc ->\n"), ["a imports c, which is not drawn"]);
    assert_eq!(found("a -> b c\nb -> c\nc -> a\n"), ["c -> a is drawn, but c does not import it"]);
    assert_eq!(found("a -> b c\nb -> c\n"), ["the module c is not drawn"]);
    assert_eq!(found("a -> b c\nb -> c\nc ->\nd ->\n"), ["d is drawn but is no module"]);
    assert_eq!(draw(&files(&code)).unwrap(), "modules of gateway\na -> b c\nb -> c\nc ->\n");
}
