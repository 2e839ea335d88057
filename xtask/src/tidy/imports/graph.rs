//! Which file of a crate uses which other: paths that begin with `crate`, `self`, `super`, a module of the same file, or an
//! imported module, in `use` items, in code and in macro calls. A name that a module re-exports counts as a use of the file that
//! defines it, and the re-export itself as none: a facade is in no circle for what it only passes on. Tests do not count.

use crate::tidy::files::{Tracked, for_tests, is_test};
use anyhow::{Context as _, Result, ensure};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

/// The path of a module, or of what is in one, without `crate`.
pub(super) type Module = Vec<String>;

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
        let (mut names, mut files) = (Names::default(), Vec::new());
        for file in tracked.iter().filter(|file| file.is("rs") && file.path.starts_with(folder)) {
            let (name, module) = (file.path.clone(), module_of(&file.path[folder.len()..]));
            let syntax = syn::parse_file(&file.text).with_context(|| name.clone())?;
            names.collect(&syntax.items, &module, &name);
            let mut paths = Paths::new();
            read(file.tokens()?, &module, &[], &mut paths);
            files.push((name, module, paths));
        }
        files.retain(|(name, module, _)| {
            !is_test(name) && !names.tests.iter().any(|test| module.starts_with(test))
        });
        let mut graph = Self::default();
        for (name, module, paths) in &files {
            let glob = names.reexports.contains(&(module.clone(), String::new()));
            ensure!(!glob, "{name}: `*` in a re-export hides where names are defined: say which");
            let imported = names.imported(module);
            let homes = paths.iter().filter_map(|(module, path)| {
                let absolute = names.absolute(path, module, &imported)?;
                names.owners.get(&names.home(&absolute, module, 8))
            });
            let used = homes.filter(|used| *used != name && files.iter().any(|(file, ..)| file == *used));
            graph.uses.insert(name.clone(), used.cloned().collect());
            graph.files.insert(name.clone(), module.clone());
        }
        Ok(graph)
    }

    /// Each set of more than two files in which every file leads to every other.
    pub(super) fn circles(&self) -> BTreeSet<BTreeSet<&str>> {
        let files = self.files.keys().map(String::as_str);
        let reached: BTreeMap<_, _> = files.map(|file| (file, self.reached_from(file))).collect();
        let circles = reached.iter().map(|(file, others)| {
            let back = others.iter().filter(|other| reached[*other].contains(file));
            back.copied().collect::<BTreeSet<_>>()
        });
        circles.filter(|circle| circle.len() > 2).collect()
    }

    fn reached_from<'a>(&'a self, file: &'a str) -> BTreeSet<&'a str> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![file]);
        while let Some(file) = next.pop() {
            let used = self.uses[file].iter().map(String::as_str);
            next.extend(used.filter(|used| reached.insert(*used)));
        }
        reached
    }
}

/// `a/b.rs` and `a/b/mod.rs` hold `a::b`; `lib.rs` and `main.rs` hold the crate itself.
fn module_of(path: &str) -> Module {
    let path = path.trim_end_matches(".rs");
    let path = if ["lib", "main"].contains(&path) { "" } else { path.trim_end_matches("/mod") };
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[derive(Default)]
struct Names {
    /// Module to the file that holds it.
    owners: BTreeMap<Module, String>,
    /// Module to the names that are imported there, with their paths.
    imports: BTreeMap<Module, BTreeMap<String, Module>>,
    /// Names that are imported for others too.
    reexports: BTreeSet<(Module, String)>,
    /// Modules that exist for tests alone.
    tests: BTreeSet<Module>,
}

impl Names {
    fn collect(&mut self, items: &[syn::Item], module: &[String], file: &str) {
        self.owners.entry(module.to_vec()).or_insert_with(|| file.to_owned());
        for item in items {
            match item {
                syn::Item::Use(item) => {
                    let mut names = BTreeMap::new();
                    import(&item.tree, &mut Vec::new(), &mut names);
                    if !matches!(item.vis, syn::Visibility::Inherited) {
                        self.reexports.extend(names.keys().map(|name| (module.to_vec(), name.clone())));
                    }
                    self.imports.entry(module.to_vec()).or_default().append(&mut names);
                }
                syn::Item::Mod(inner) => {
                    let path = [module, &[inner.ident.to_string()]].concat();
                    if for_tests(&inner.attrs) {
                        self.tests.insert(path);
                    } else if let Some((_, items)) = &inner.content {
                        self.collect(items, &path, file);
                    }
                }
                _ => {}
            }
        }
    }

    /// The names that a module gives to other modules.
    fn imported(&self, module: &Module) -> BTreeMap<String, Module> {
        let absolute =
            self.imports.get(module).into_iter().flatten().filter_map(|(name, path)| {
                Some((name.clone(), self.absolute(path, module, &BTreeMap::new())?))
            });
        absolute.filter(|(_, path)| self.owners.contains_key(path)).collect()
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
    /// What is imported for a module alone, its children may name too.
    fn home(&self, path: &[String], from: &[String], follow: usize) -> Module {
        let inside = (0..=path.len()).rev().find(|length| self.owners.contains_key(&path[..*length]));
        let (module, rest) = path.split_at(inside.unwrap_or_default());
        let followed = rest.split_first().filter(|_| follow > 0).and_then(|(name, more)| {
            let named = from.starts_with(module) || self.reexports.contains(&(module.to_vec(), name.clone()));
            let target = self.imports.get(module)?.get(name).filter(|_| named)?;
            let target = self.absolute(target, module, &BTreeMap::new())?;
            Some(self.home(&[target.as_slice(), more].concat(), module, follow - 1))
        });
        followed.unwrap_or_else(|| module.to_vec())
    }
}

/// Notes each name of a `use` item with its path; the name of a glob is empty.
fn import(tree: &syn::UseTree, before: &mut Module, names: &mut BTreeMap<String, Module>) {
    let (ident, name) = match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            import(&path.tree, before, names);
            before.pop();
            return;
        }
        syn::UseTree::Group(group) => {
            return group.items.iter().for_each(|tree| import(tree, before, names));
        }
        syn::UseTree::Glob(_) => return drop(names.insert(String::new(), before.clone())),
        syn::UseTree::Name(name) => (&name.ident, &name.ident),
        syn::UseTree::Rename(name) => (&name.ident, &name.rename),
    };
    let own = Some(ident.to_string()).filter(|ident| ident != "self");
    let path: Module = before.iter().cloned().chain(own).collect();
    let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name.to_string() };
    names.insert(name, path);
}

/// Paths that are written in a file, each with the module in which it is.
type Paths = BTreeSet<(Module, Module)>;

/// Reads tokens in `module`, where each path goes on from `prefix`.
fn read(tokens: TokenStream, module: &[String], prefix: &[String], paths: &mut Paths) {
    let (mut path, mut colons, mut public, mut inline) = (Module::new(), 0, false, None);
    // A single name is no path to a module.
    let end = |path: &mut Module, paths: &mut Paths| {
        let path = std::mem::take(path);
        if path.len() > 1 {
            paths.insert((module.to_vec(), path));
        }
    };
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
            // The braces of a `use` item.
            TokenTree::Group(group) if colons == 2 => {
                read(group.stream(), module, &std::mem::take(&mut path), paths);
            }
            // `pub(in super::super)` says who may use, not what is used.
            TokenTree::Group(group) if public && group.delimiter() == Delimiter::Parenthesis => {}
            TokenTree::Group(group) => {
                end(&mut path, paths);
                if group.stream().to_string() == "cfg (test)" {
                    tokens.find(ends_an_item);
                } else {
                    let inner = [module, inline.take().as_slice()].concat();
                    read(group.stream(), &inner, &[], paths);
                }
            }
            TokenTree::Ident(name) => {
                end(&mut path, paths);
                match name.to_string().as_str() {
                    // A re-export.
                    "use" if public => drop(tokens.find(ends_an_item)),
                    "as" if !prefix.is_empty() => drop(tokens.next()),
                    "mod" => inline = tokens.next().map(|name| name.to_string()),
                    name => path = [prefix, &[name.to_owned()]].concat(),
                }
                public = name == "pub";
            }
            _ => end(&mut path, paths),
        }
        colons = 0;
    }
    end(&mut path, paths);
}

fn ends_an_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(mark) => [';', ','].contains(&mark.as_char()),
        _ => false,
    }
}
