//! Ceilings: 400 lines a file, 60 lines a function, about 80 lines of tests inside a file.

use super::files::{Finding, Tracked, is_test};
use anyhow::{Context as _, Result};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;
const INLINE_TEST_LINES: usize = 90;

/// Files that are to be split and may not grow past this, each with its present size.
const TO_SPLIT: [(&str, usize); 1] = [("crates/gateway/src/problem.rs", 440)];

pub(super) fn check(files: &[Tracked]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("rs") && !is_test(&file.name())) {
        let lines = file.text.lines().count();
        let ceiling =
            TO_SPLIT.iter().find(|(name, _)| *name == file.name()).map_or(FILE_LINES, |(_, lines)| *lines);
        if lines > ceiling {
            findings
                .push(Finding::new(file.name(), format!("{lines} lines, ceiling {FILE_LINES}: split it")));
        }
        let syntax = syn::parse_file(&file.text).with_context(|| file.name())?;
        let mut visitor = Sizes { file: file.name(), findings: &mut findings };
        visitor.visit_file(&syntax);
    }
    Ok(findings)
}

struct Sizes<'a> {
    file: String,
    findings: &'a mut Vec<Finding>,
}

impl Sizes<'_> {
    fn function(&mut self, name: &syn::Ident, block: &syn::Block) {
        let lines = lines_of(block.span());
        if lines > FUNCTION_LINES {
            self.findings.push(Finding::new(
                format!("{}:{}", self.file, name.span().start().line),
                format!("fn {name} has {lines} lines, ceiling {FUNCTION_LINES}"),
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Sizes<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let for_tests = item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
        });
        if !for_tests {
            return visit::visit_item_mod(self, item);
        }
        let lines = lines_of(item.span());
        if item.content.is_some() && lines > INLINE_TEST_LINES {
            self.findings.push(Finding::new(
                format!("{}:{}", self.file, item.ident.span().start().line),
                format!("{lines} lines of tests inside the file; move them to a sibling tests.rs"),
            ));
        }
    }
}

fn lines_of(span: proc_macro2::Span) -> usize {
    span.end().line.saturating_sub(span.start().line) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: String) -> Vec<String> {
        let file = Tracked { path: "crates/x/src/lib.rs".into(), text };
        check(&[file]).unwrap().into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_long_function_is_found() {
        let body = "    call();\n".repeat(FUNCTION_LINES);
        let found = findings(format!("fn long() {{\n{body}}}\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("fn long"));
    }

    #[test]
    fn a_long_file_is_found() {
        let found = findings("// line\n".repeat(FILE_LINES + 1));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_small_file_is_fine() {
        assert!(findings("fn short() {}\n".into()).is_empty());
    }
}
