//! Connections' names, which are few and stand in every record.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// More names than any tenant has connections; what comes after them is not shared.
const MAX_NAMES: usize = 1000;

/// A connection's name and Auth0's strategy behind it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    pub(crate) name: Arc<str>,
    pub(crate) provider: Arc<str>,
}

/// One copy of each.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashSet<Arc<Connection>>>);

impl Names {
    /// Replaces a connection's names by the shared copy.
    pub(crate) fn share(&self, connection: &mut Arc<Connection>) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = names.get(connection) {
            *connection = shared.clone();
        } else if names.len() < MAX_NAMES {
            names.insert(connection.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one_copy_up_to_a_bound() {
        let names = Names::default();
        let connection = |name: &str| Arc::new(Connection { name: name.into(), provider: "oidc".into() });
        let (mut first, mut second) = (connection("github"), connection("github"));
        names.share(&mut first);
        names.share(&mut second);
        assert!(Arc::ptr_eq(&first, &second));
        for number in 0..2 * MAX_NAMES {
            names.share(&mut connection(&number.to_string()));
        }
        assert_eq!(names.0.lock().unwrap().len(), MAX_NAMES);
    }
}
