//! Connection and provider names, which are few and stand in every record.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// More names than any tenant has connections; what comes after them is not shared.
const MAX_NAMES: usize = 1000;

/// One copy of each name.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashSet<Arc<str>>>);

impl Names {
    /// Replaces a name by the shared copy.
    pub(crate) fn share(&self, name: &mut Arc<str>) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = names.get(name) {
            *name = shared.clone();
        } else if names.len() < MAX_NAMES {
            names.insert(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one_copy_up_to_a_bound() {
        let names = Names::default();
        let (mut first, mut second): (Arc<str>, Arc<str>) = ("github".into(), "github".into());
        names.share(&mut first);
        names.share(&mut second);
        assert!(Arc::ptr_eq(&first, &second));
        for number in 0..2 * MAX_NAMES {
            names.share(&mut number.to_string().into());
        }
        assert_eq!(names.0.lock().unwrap().len(), MAX_NAMES);
    }
}
