//! JSON documents that are put together from parts.

use serde_json::Value;

/// Copies the members of `with` into `base`; a `null` removes the member.
pub(crate) fn merge(base: &mut Value, with: Value) {
    let (Some(base), Value::Object(with)) = (base.as_object_mut(), with) else { return };
    for (name, value) in with {
        if value.is_null() {
            base.remove(&name);
        } else {
            base.insert(name, value);
        }
    }
}
