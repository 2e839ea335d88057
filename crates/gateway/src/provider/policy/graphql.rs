//! What a rule opens of GraphQL.

use std::collections::BTreeSet;

use super::super::graphql::{Requested, Unreadable};
use crate::config::OperationKind;

/// `rules[].graphql`, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphQlRule {
    /// The types of operation that are open.
    pub operations: BTreeSet<OperationKind>,
    /// The root fields that are open; empty means any.
    pub fields: BTreeSet<String>,
    /// Deepest nesting of fields.
    pub depth: usize,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Hashes of the persisted documents that are open.
    pub persisted: BTreeSet<String>,
}

/// What of a request a rule does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GraphQlDenied {
    /// What it asks for cannot be told.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// An operation of another type.
    #[error("the operation '{0}' is not open")]
    Operation(OperationKind),
    /// A root field that is not listed.
    #[error("the root field '{field}' of the operation '{operation}' is not open")]
    Field {
        /// The type of operation.
        operation: OperationKind,
        /// The field, by name.
        field: String,
    },
    /// Nested too deeply.
    #[error("the fields are {depth} levels deep, and {limit} are open")]
    Depth {
        /// What was found.
        depth: usize,
        /// What is open.
        limit: usize,
    },
    /// `__schema` or `__type`.
    #[error("introspection ('__schema', '__type') is not open")]
    Introspection,
    /// A hash that is not listed.
    #[error("the persisted document is not open")]
    Persisted,
}

/// A rule that would decide, but for its `graphql`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphQlRefusal {
    /// The rule's position (from 0).
    pub rule: usize,
    /// What it does not open.
    pub denied: GraphQlDenied,
}

impl GraphQlRule {
    /// Whether everything that is asked for is open, whichever operation is selected.
    ///
    /// # Errors
    /// The first thing that is not.
    pub(super) fn check(&self, asked: &Result<Requested, Unreadable>) -> Result<(), GraphQlDenied> {
        let asked = asked.as_ref().map_err(Clone::clone)?;
        if !asked.persisted.is_subset(&self.persisted) {
            return Err(GraphQlDenied::Persisted);
        }
        if asked.introspects && !self.introspection {
            return Err(GraphQlDenied::Introspection);
        }
        for (operation, fields) in &asked.roots {
            if !self.operations.contains(operation) {
                return Err(GraphQlDenied::Operation(*operation));
            }
            let closed = |field: &&String| {
                !matches!(field.as_str(), "__typename" | "__schema" | "__type")
                    && !self.fields.contains(*field)
            };
            if !self.fields.is_empty()
                && let Some(field) = fields.iter().find(closed)
            {
                // A name may be as long as the body.
                let field = field.chars().take(64).collect();
                return Err(GraphQlDenied::Field { operation: *operation, field });
            }
        }
        if asked.depth > self.depth {
            return Err(GraphQlDenied::Depth { depth: asked.depth, limit: self.depth });
        }
        Ok(())
    }
}
