//! What a lenient server may read in a path: for lists and rules that take something away.

/// The most layers of percent-encoding that are read.
const LAYERS: usize = 3;

/// The ways in which some server may read a raw path, besides the plain one. Servers and the proxies in front of them decode more than
/// once, take a decoded slash or a backslash for a separator, end the path at a decoded `?` or `#`, cut parameters (`;x`) and drop
/// dots and blanks around a name.
///
/// What takes access away compares all of them; what gives access compares the plain reading alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathReadings(Vec<Vec<SegmentForms>>);

/// One segment in all its spellings: with and without parameters, decoded up to three times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentForms(Vec<Vec<u8>>);

impl PathReadings {
    /// The readings of a raw path, `None` where all servers read it alike.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let bytes = path.as_bytes();
        let ends_odd = bytes.ends_with(b".") || bytes.windows(2).any(|pair| pair == b"./");
        if !ends_odd && !bytes.iter().any(|byte| matches!(byte, b'%' | b';' | b'\\')) {
            return None;
        }
        let mut readings = Vec::new();
        for layer in layers(bytes).flat_map(|layer| [before_query(&layer), Some(layer)]).flatten() {
            let separated = layer.split(|byte| matches!(byte, b'/' | b'\\'));
            let segments: Vec<_> = separated.filter(|text| !text.is_empty()).map(SegmentForms::of).collect();
            if segments.iter().any(SegmentForms::may_vanish) {
                readings.push(segments.iter().filter(|forms| !forms.may_vanish()).cloned().collect());
            }
            readings.push(segments);
        }
        Some(Self(readings))
    }

    /// Each reading as its segments, empty ones left out.
    pub fn iter(&self) -> impl Iterator<Item = &[SegmentForms]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl SegmentForms {
    fn of(text: &[u8]) -> Self {
        let mut forms: Vec<Vec<u8>> = Vec::with_capacity(1);
        for layer in layers(text) {
            let tidy = tidied(&layer).to_vec();
            for form in [layer, tidy] {
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        Self(forms)
    }

    /// Whether `fits` holds for one of the spellings.
    pub fn any(&self, fits: impl Fn(&[u8]) -> bool) -> bool {
        self.0.iter().any(|form| fits(form))
    }

    /// Whether nothing is left once parameters, dots and blanks are gone.
    fn may_vanish(&self) -> bool {
        self.0.iter().any(Vec::is_empty)
    }
}

/// The text as it is, decoded once, and so on, until nothing changes.
fn layers(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let next = |layer: &Vec<u8>| {
        let decoded: Vec<u8> = percent_encoding::percent_decode(layer).collect();
        (decoded.len() < layer.len()).then_some(decoded)
    };
    std::iter::successors(Some(text.to_vec()), next).take(LAYERS + 1)
}

/// The path of a text whose decoded `?` or `#` some server takes for the end of it.
fn before_query(layer: &[u8]) -> Option<Vec<u8>> {
    let end = layer.iter().position(|byte| matches!(byte, b'?' | b'#'))?;
    layer.get(..end).map(<[u8]>::to_vec)
}

/// A segment without parameters, and without blanks around it and dots behind it.
fn tidied(segment: &[u8]) -> &[u8] {
    let name = segment.split(|byte| matches!(byte, b';' | 0)).next().unwrap_or_default();
    let mut name = name.trim_ascii();
    while let [rest @ .., b'.' | b' ' | b'\t'] = name {
        name = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_have_one_reading() {
        for path in ["/", "/repos/acme/atlas", "/v1.0/me", "/a.b/c", ""] {
            assert_eq!(PathReadings::of(path), None, "{path}");
        }
    }

    #[test]
    fn every_lenient_reading_is_among_them() {
        for path in [
            "/admin;x=1/users",
            "/admin%3Bx/users",
            "/%61dmin/users",
            "/%2561dmin/users",
            "/%252561dmin/users",
            "/admin%2Fusers",
            "/admin%252Fusers",
            "/admin%255Cusers",
            "/admin./users",
            "/admin%20/users",
            "/admin/%20users",
            "/admin/users.",
            "/admin/users%2E",
            "/;x/admin/users",
            "/%20/admin/users",
            "/admin;a/%75sers;b",
            "/admin/users%3Fx=/y",
            "/admin/users%2523/y",
        ] {
            let readings = PathReadings::of(path).unwrap();
            let is = |forms: &[SegmentForms]| {
                forms.len() == 2
                    && forms[0].any(|text| text == b"admin")
                    && forms[1].any(|text| text == b"users")
            };
            assert!(readings.iter().any(is), "{path}");
        }
    }

    #[test]
    fn no_reading_is_made_up() {
        for path in ["/admin%2525252Fusers", "/a;b/users", "/adminusers%20", "/admin.x/users"] {
            let is = |forms: &[SegmentForms]| {
                forms.first().is_some_and(|first| first.any(|text| text == b"admin"))
            };
            assert!(!PathReadings::of(path).is_some_and(|readings| readings.iter().any(is)), "{path}");
        }
    }
}
