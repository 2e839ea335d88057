//! Which file of a crate uses which other: paths that begin with `crate`, `self`, `super`, a module of the same file, or an
//! imported module, in `use` items, in code and in macro calls. A name that a module re-exports counts as a use of the file that
//! defines it, and the re-export itself as none: a facade is in no circle for what it only passes on. Tests do not count.

use crate::tidy::files::{Tracked, is_test};
use anyhow::{Context as _, Result};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// The path of a module, without `crate`.
pub(super) type Module = Vec<String>;

/// The files of one crate with their edges.
#[derive(Default)]
pub(super) struct Graph {
    /// File name to the module that the file holds.
    pub(super) files: BTreeMap<String, Module>,
    /// File name to the names of the files it uses.
    pub(super) uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Reads the sources below `folder`, such as `crates/gateway/src/`.
    pub(super) fn read(folder: &str, tracked: &[Tracked]) -> Result<Self> {
        let mut parsed = Vec::new();
        for file in tracked.iter().filter(|file| file.is("rs") && file.name().starts_with(folder)) {
            let syntax = syn::parse_file(&file.text).with_context(|| file.name())?;
            parsed.push((file.name(), module_of(&file.name()[folder.len()..]), syntax));
        }
        let mut names = Names::default();
        for (name, module, syntax) in &parsed {
            names.owners.entry(module.clone()).or_insert_with(|| name.clone());
            names.collect(&syntax.items, module, name);
        }
        for (_, module, syntax) in &parsed {
            names.reexports(&syntax.items, module);
        }
        parsed.retain(|(name, module, _)| {
            !is_test(name) && !names.tests.iter().any(|test| module.starts_with(test))
        });
        let mut graph = Self::default();
        for (name, module, syntax) in &parsed {
            let mut reader = Reader {
                names: &names,
                module: module.clone(),
                imported: BTreeMap::new(),
                found: BTreeSet::new(),
            };
            reader.imports(syntax);
            reader.visit_file(syntax);
            reader.found.remove(name);
            reader.found.retain(|used| parsed.iter().any(|(name, ..)| name == used));
            graph.files.insert(name.clone(), module.clone());
            graph.uses.insert(name.clone(), reader.found);
        }
        Ok(graph)
    }

    /// Each set of more than two files in which every file leads to every other.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.files.keys().map(|file| (file.as_str(), self.reached_from(file))).collect();
        let mut circles = BTreeSet::new();
        for (file, others) in &reached {
            let circle: BTreeSet<&str> =
                others.iter().filter(|other| reached[*other].contains(file)).copied().collect();
            if circle.len() > 2 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reached_from<'a>(&'a self, file: &'a str) -> BTreeSet<&'a str> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![file]);
        while let Some(file) = next.pop() {
            for used in self.uses.get(file).into_iter().flatten() {
                if reached.insert(used.as_str()) {
                    next.push(used);
                }
            }
        }
        reached
    }
}

/// `a/b.rs` and `a/b/mod.rs` hold `a::b`; `lib.rs` and `main.rs` hold the crate itself.
fn module_of(path: &str) -> Module {
    let mut module: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let root = module.len() == 1 && ["lib", "main"].contains(&module[0].as_str());
    if root || module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// What can be named in a crate.
#[derive(Default)]
struct Names {
    /// Module to the file that holds it.
    owners: BTreeMap<Module, String>,
    /// Items by their module.
    items: BTreeSet<(Module, String)>,
    /// Module and name to the path that is imported there, which a child may name too; the name of a glob is empty.
    reexports: BTreeMap<(Module, String), Vec<Module>>,
    /// Modules that exist for tests alone.
    tests: BTreeSet<Module>,
}

impl Names {
    fn collect(&mut self, items: &[syn::Item], module: &[String], file: &str) {
        for item in items {
            let name = match item {
                syn::Item::Fn(item) => &item.sig.ident,
                syn::Item::Struct(item) => &item.ident,
                syn::Item::Enum(item) => &item.ident,
                syn::Item::Trait(item) => &item.ident,
                syn::Item::Type(item) => &item.ident,
                syn::Item::Const(item) => &item.ident,
                syn::Item::Static(item) => &item.ident,
                syn::Item::Mod(inner) => {
                    let path = [module, &[inner.ident.to_string()]].concat();
                    if for_tests(&inner.attrs) {
                        self.tests.insert(path);
                    } else if let Some((_, items)) = &inner.content {
                        self.owners.insert(path.clone(), file.to_owned());
                        self.collect(items, &path, file);
                    }
                    continue;
                }
                _ => continue,
            };
            self.items.insert((module.to_vec(), name.to_string()));
        }
    }

    fn reexports(&mut self, items: &[syn::Item], module: &[String]) {
        for item in items {
            if let syn::Item::Use(item) = item {
                for (path, name) in imported(&item.tree) {
                    let target = self.absolute(&path, module, &BTreeMap::new());
                    let targets = self.reexports.entry((module.to_vec(), name)).or_default();
                    targets.extend(target);
                }
            }
        }
    }

    /// The path from the crate's root. `None`: it leads out of the crate.
    fn absolute(
        &self,
        path: &[String],
        module: &[String],
        names: &BTreeMap<String, Module>,
    ) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let base = module.get(..module.len().checked_sub(ups)?)?;
                Some([base, &path[ups..]].concat())
            }
            name => {
                let child = [module, &[name.to_owned()]].concat();
                let base = if self.owners.contains_key(&child) { Some(&child) } else { names.get(name) };
                base.map(|base| [base.as_slice(), rest].concat())
            }
        }
    }

    /// The module in which the thing is that an absolute path names, re-exports followed so many times at most.
    fn home(&self, path: &[String], follow: usize) -> Module {
        let inside = (0..=path.len()).rev().find(|length| self.owners.contains_key(&path[..*length]));
        let (module, rest) = path.split_at(inside.unwrap_or_default());
        let Some((name, more)) = rest.split_first().filter(|_| follow > 0) else { return module.to_vec() };
        let key = (module.to_vec(), name.clone());
        if self.items.contains(&key) {
            return module.to_vec();
        }
        if let Some(target) = self.reexports.get(&key).and_then(|targets| targets.first()) {
            return self.home(&[target.as_slice(), more].concat(), follow - 1);
        }
        let globs = self.reexports.get(&(module.to_vec(), String::new()));
        let mut homes =
            globs.into_iter().flatten().map(|glob| self.home(&[glob.as_slice(), rest].concat(), follow - 1));
        let found = homes.find(|home| self.items.contains(&(home.clone(), name.clone())));
        found.unwrap_or_else(|| module.to_vec())
    }
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
    })
}

/// Walks through one file.
struct Reader<'a> {
    names: &'a Names,
    /// The module that is being read.
    module: Module,
    /// Imported names that are modules.
    imported: BTreeMap<String, Module>,
    found: BTreeSet<String>,
}

impl Reader<'_> {
    /// Learns the imported modules before the code is read.
    fn imports(&mut self, file: &syn::File) {
        for item in &file.items {
            if let syn::Item::Use(item) = item
                && !for_tests(&item.attrs)
            {
                for (path, name) in imported(&item.tree) {
                    let absolute = self.names.absolute(&path, &self.module, &BTreeMap::new());
                    if let Some(module) = absolute.filter(|path| self.names.owners.contains_key(path)) {
                        self.imported.insert(name, module);
                    }
                }
            }
        }
    }

    /// Notes the file that defines what the path names.
    fn path(&mut self, path: &[String]) {
        if let Some(absolute) = self.names.absolute(path, &self.module, &self.imported) {
            let home = self.names.home(&absolute, 8);
            self.found.extend(self.names.owners.get(&home).cloned());
        }
    }

    /// Paths inside a macro call, which `syn` does not parse.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.end(&mut path);
                    path.push(name.to_string());
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                }
                _ => self.end(&mut path),
            }
            colons = 0;
        }
        self.end(&mut path);
    }

    /// A single name in a macro call is no path to a module.
    fn end(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.path(&path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, syn::Visibility::Inherited) {
            imported(&item.tree).iter().for_each(|(path, _)| self.path(path));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if parts.len() > 1 {
            self.path(&parts);
        }
        visit::visit_path(self, path);
    }

    /// `pub(in super::super)` says who may use, not what is used.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

/// Each imported path with the name it gets; that of a glob is empty.
fn imported(tree: &syn::UseTree) -> Vec<(Module, String)> {
    let mut all = Vec::new();
    flatten(tree, &mut Vec::new(), &mut all);
    all
}

fn flatten(tree: &syn::UseTree, before: &mut Vec<String>, all: &mut Vec<(Module, String)>) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, all);
            before.pop();
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, all)),
        syn::UseTree::Glob(_) => all.push((before.clone(), String::new())),
        syn::UseTree::Name(name) => leaf(&name.ident, &name.ident, before, all),
        syn::UseTree::Rename(name) => leaf(&name.ident, &name.rename, before, all),
    }
}

fn leaf(ident: &syn::Ident, name: &syn::Ident, before: &[String], all: &mut Vec<(Module, String)>) {
    if ident == "self" && !before.is_empty() {
        let name = if name == "self" { before.last().cloned().unwrap_or_default() } else { name.to_string() };
        all.push((before.to_vec(), name));
    } else {
        all.push(([before, &[ident.to_string()]].concat(), name.to_string()));
    }
}
