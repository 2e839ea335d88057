//! Ceilings: 400 lines a file, 60 lines a function, about 80 lines of tests inside a file.

use super::files::{Finding, Tracked, for_tests, is_test};
use anyhow::{Context as _, Result};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;
const INLINE_TEST_LINES: usize = 90;

pub(super) fn check(files: &[Tracked]) -> Result<Vec<Finding>> {
    let mut sizes = Sizes::default();
    for file in files.iter().filter(|file| file.is("rs") && !is_test(&file.path)) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            let what = format!("{lines} lines, ceiling {FILE_LINES}: split it");
            sizes.findings.push(Finding::new(file.path.clone(), what));
        }
        sizes.file = file.path.clone();
        sizes.visit_file(&syn::parse_file(&file.text).with_context(|| file.path.clone())?);
    }
    Ok(sizes.findings)
}

#[derive(Default)]
struct Sizes {
    file: String,
    findings: Vec<Finding>,
}

impl Sizes {
    fn find(&mut self, name: &syn::Ident, what: String) {
        self.findings.push(Finding::new(format!("{}:{}", self.file, name.span().start().line), what));
    }

    fn function(&mut self, name: &syn::Ident, block: &syn::Block) {
        let lines = lines_of(block.span());
        if lines > FUNCTION_LINES {
            self.find(name, format!("fn {name} has {lines} lines, ceiling {FUNCTION_LINES}"));
        }
        visit::visit_block(self, block);
    }
}

impl<'ast> Visit<'ast> for Sizes {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !for_tests(&item.attrs) {
            return visit::visit_item_mod(self, item);
        }
        let lines = lines_of(item.span());
        if item.content.is_some() && lines > INLINE_TEST_LINES {
            let what = format!("{lines} lines of tests inside the file; move them to a sibling tests.rs");
            self.find(&item.ident, what);
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
