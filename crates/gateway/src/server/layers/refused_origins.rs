//! Says once for each origin that its pages may not read the gateway's answers. The browser tells its user nothing more than
//! "CORS error", and the operator nothing at all.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};

/// Origins that are remembered. Anybody can send any origin: the log must not grow with them.
const MOST: usize = 32;

/// Longest origin that is named.
const LONGEST: usize = 200;

/// The origins that were named in the log.
#[derive(Default)]
pub(crate) struct RefusedOrigins(Mutex<HashSet<String>>);

impl RefusedOrigins {
    /// Takes note of a request whose origin is not allowed.
    pub(crate) fn note(&self, headers: &HeaderMap) {
        let Some(origin) = headers.get(ORIGIN).and_then(|origin| foreign(origin, headers.get(HOST))) else {
            return;
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST && known.insert(origin.to_owned()) {
            tracing::warn!(
                event = "origin_refused",
                origin,
                remedy = "if it is an app of yours, add it to `cors.origins` (`gateway demo` takes it as --origin); the browser shows its pages no answer before that",
            );
        }
    }
}

/// The text of an origin that is not the gateway's own, if the log can name it.
fn foreign<'a>(origin: &'a HeaderValue, host: Option<&HeaderValue>) -> Option<&'a str> {
    let text = origin.to_str().ok().filter(|text| text.len() <= LONGEST)?;
    let authority = text.split_once("://").map(|(_, authority)| authority);
    let own = authority.is_some_and(|authority| host.is_some_and(|host| host == authority));
    (!own).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_own_pages_are_not_foreign() {
        let value = HeaderValue::from_static;
        let host = value("idp.acme.com:8443");
        assert_eq!(foreign(&value("https://idp.acme.com:8443"), Some(&host)), None);
        for foreign in ["https://idp.acme.com", "https://app.acme.com", "null"] {
            assert_eq!(super::foreign(&value(foreign), Some(&host)), Some(foreign));
        }
    }

    #[test]
    fn the_memory_of_origins_is_bounded() {
        let refused = RefusedOrigins::default();
        for port in 0..2 * MOST {
            let origin = HeaderValue::from_str(&format!("http://127.0.0.1:{port}")).unwrap();
            refused.note(&HeaderMap::from_iter([(ORIGIN, origin)]));
        }
        assert_eq!(refused.0.lock().unwrap().len(), MOST);
    }
}
