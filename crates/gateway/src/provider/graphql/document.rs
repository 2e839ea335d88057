//! One document: its operations, and the root fields that they select through fragments of any kind.

use std::collections::{BTreeMap, BTreeSet};

use apollo_parser::Parser;
use apollo_parser::cst::{
    CstNode as _, Definition, Document, FragmentName, Name, OperationDefinition, Selection, SelectionSet,
    StringValue,
};

use super::requested::{Requested, Unreadable, shown};
use crate::config::OperationKind;

/// Most tokens of a document; as many as fit into the longest body that is read ahead by default.
const TOKENS: usize = 20_000;
/// Most levels of nesting within one definition.
const LEVELS: usize = 100;
/// Most levels of nesting with all fragments in place.
const ALL_LEVELS: usize = 200;

type Fragments = BTreeMap<String, SelectionSet>;

/// Reads one document.
pub(super) fn read(text: &str, root_again: &[&str]) -> Result<Requested, Unreadable> {
    if !splits_alike(text) {
        return Err(Unreadable::Document);
    }
    let tree = Parser::new(text).token_limit(TOKENS).recursion_limit(LEVELS).parse();
    if tree.errors().len() > 0 {
        return Err(Unreadable::Document);
    }
    if holds_broken_string(&tree.document()) {
        return Err(Unreadable::Document);
    }
    let (mut operations, mut fragments) = (Vec::new(), Fragments::new());
    for definition in tree.document().definitions() {
        match definition {
            Definition::OperationDefinition(operation) => {
                let set = operation.selection_set().ok_or(Unreadable::Document)?;
                operations.push((kind(&operation)?, set));
            }
            Definition::FragmentDefinition(fragment) => {
                let name = fragment_name(fragment.fragment_name())?;
                let set = fragment.selection_set().ok_or(Unreadable::Document)?;
                if fragments.insert(name.clone(), set).is_some() {
                    return Err(Unreadable::Fragment(shown(&name)));
                }
            }
            // Servers do not execute definitions of types.
            _ => return Err(Unreadable::Document),
        }
    }
    if operations.is_empty() {
        return Err(Unreadable::NoQuery);
    }
    let mut walk = Walk { fragments: &fragments, depths: BTreeMap::new(), introspects: false, level: 0 };
    let mut depth = 0;
    for (_, set) in &operations {
        depth = depth.max(walk.depth(set)?);
    }
    let roots = roots(operations, &fragments, root_again)?;
    Ok(Requested { roots, depth, introspects: walk.introspects, persisted: BTreeSet::new() })
}

/// Whether every known lexer takes the text apart at the same places. Lexers of servers (graphql-ruby, which GitHub runs) differ
/// from the specification in three places:
/// - A comment ends at a line feed, and not at a carriage return alone.
/// - A block string may end with more than three quotes, which are then taken together.
/// - A backslash before the quotes of a block string belongs to whatever follows it.
///
/// What stands behind such a place is code for the one and text for the other. No client needs them: texts belong in variables.
fn splits_alike(text: &str) -> bool {
    let is_plain = |c: char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{feff}' | '\u{2028}' | '\u{2029}' => false,
        other => !other.is_control(),
    };
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied();
    let bare_return = memchr::memchr_iter(b'\r', bytes).any(|at| byte(at + 1) != Some(b'\n'));
    if bare_return || !text.chars().all(is_plain) {
        return false;
    }
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let start = at + found;
        let length = bytes.iter().skip(start).take_while(|byte| **byte == b'"').count();
        let escaped = start.checked_sub(1).and_then(byte) == Some(b'\\');
        if length > 3 || (length == 3 && escaped) {
            return false;
        }
        at = start + length;
    }
    true
}

/// Whether a string that is no block string goes over a line, which the parser lets pass and the specification does not.
fn holds_broken_string(document: &Document) -> bool {
    let strings = document.syntax().descendants().filter_map(StringValue::cast);
    strings.filter_map(|string| string.syntax().first_token()).any(|token| {
        let text = token.text();
        !text.starts_with("\"\"\"") && text.contains(['\n', '\r'])
    })
}

fn kind(operation: &OperationDefinition) -> Result<OperationKind, Unreadable> {
    let Some(kind) = operation.operation_type() else { return Ok(OperationKind::Query) };
    match (kind.query_token(), kind.mutation_token(), kind.subscription_token()) {
        (Some(_), None, None) => Ok(OperationKind::Query),
        (None, Some(_), None) => Ok(OperationKind::Mutation),
        (None, None, Some(_)) => Ok(OperationKind::Subscription),
        _ => Err(Unreadable::Document),
    }
}

fn text(name: Option<Name>) -> Result<String, Unreadable> {
    name.map(|name| name.text().to_string()).ok_or(Unreadable::Document)
}

fn fragment_name(name: Option<FragmentName>) -> Result<String, Unreadable> {
    text(name.and_then(|name| name.name()))
}

/// The root fields of each type of operation. Every fragment is looked at once for each type, so the cost is linear.
fn roots(
    operations: Vec<(OperationKind, SelectionSet)>,
    fragments: &Fragments,
    root_again: &[&str],
) -> Result<BTreeMap<OperationKind, BTreeSet<String>>, Unreadable> {
    let mut by_kind: BTreeMap<OperationKind, Vec<SelectionSet>> = BTreeMap::new();
    for (kind, set) in operations {
        by_kind.entry(kind).or_default().push(set);
    }
    let mut roots = BTreeMap::new();
    for (kind, mut sets) in by_kind {
        let (mut fields, mut seen) = (BTreeSet::new(), BTreeSet::new());
        while let Some(set) = sets.pop() {
            for selection in set.selections() {
                match selection {
                    Selection::Field(field) => {
                        let name = text(field.name())?;
                        match field.selection_set() {
                            Some(below) if root_again.contains(&name.as_str()) => sets.push(below),
                            _ => {
                                fields.insert(name);
                            }
                        }
                    }
                    Selection::InlineFragment(inline) => sets.extend(inline.selection_set()),
                    Selection::FragmentSpread(spread) => {
                        let name = fragment_name(spread.fragment_name())?;
                        let set = fragments.get(&name);
                        let set = set.ok_or_else(|| Unreadable::Fragment(shown(&name)))?.clone();
                        if seen.insert(name) {
                            sets.push(set);
                        }
                    }
                }
            }
        }
        roots.insert(kind, fields);
    }
    Ok(roots)
}

/// Measures nesting, each fragment once.
struct Walk<'a> {
    fragments: &'a Fragments,
    /// `None` while a fragment is being measured.
    depths: BTreeMap<String, Option<usize>>,
    introspects: bool,
    level: usize,
}

impl Walk<'_> {
    fn depth(&mut self, set: &SelectionSet) -> Result<usize, Unreadable> {
        self.level += 1;
        if self.level > ALL_LEVELS {
            return Err(Unreadable::Document);
        }
        let mut deepest = None;
        for selection in set.selections() {
            let depth = match selection {
                Selection::Field(field) => {
                    let name = text(field.name())?;
                    self.introspects |= matches!(name.as_str(), "__schema" | "__type");
                    1 + field.selection_set().map_or(Ok(0), |below| self.depth(&below))?
                }
                Selection::InlineFragment(inline) => {
                    self.depth(&inline.selection_set().ok_or(Unreadable::Document)?)?
                }
                Selection::FragmentSpread(spread) => self.fragment(fragment_name(spread.fragment_name())?)?,
            };
            deepest = deepest.max(Some(depth));
        }
        self.level -= 1;
        deepest.ok_or(Unreadable::Document)
    }

    fn fragment(&mut self, name: String) -> Result<usize, Unreadable> {
        let wrong = || Unreadable::Fragment(shown(&name));
        match self.depths.get(&name) {
            Some(Some(depth)) => return Ok(*depth),
            Some(None) => return Err(wrong()),
            None => {}
        }
        let set = self.fragments.get(&name).ok_or_else(wrong)?;
        self.depths.insert(name.clone(), None);
        let depth = self.depth(set)?;
        self.depths.insert(name, Some(depth));
        Ok(depth)
    }
}
