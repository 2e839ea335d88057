//! Which host names are meant.

use std::{borrow::Cow, fmt, str::FromStr};

/// Which host names are meant. Hosts are compared without ASCII case; a trailing dot matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostRule {
    /// Exactly this host.
    Exact(&'static str),
    /// Any host below this domain, however deep; not the domain itself.
    Under(&'static str),
    /// The hosts of a [`HostPattern`]: `*` stands for a part of one label.
    Like(&'static str),
    /// Exactly one label below `domain`, and none of `except` in it.
    OneLabelUnder {
        /// The parent domain.
        domain: &'static str,
        /// Words that are excluded, as the label and as a part of it between hyphens: providers give one server several names
        /// (`iamcredentials`, `content-iamcredentials`).
        except: &'static [&'static str],
    },
}

impl HostRule {
    /// Whether `host` (no port) is meant.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            HostRule::Exact(exact) => host.eq_ignore_ascii_case(exact),
            HostRule::Under(domain) => labels_below(host, domain).is_some_and(|mut rest| rest.all(is_label)),
            HostRule::Like(pattern) => fits(pattern, host),
            HostRule::OneLabelUnder { domain, except } => {
                let Some(mut labels) = labels_below(host, domain) else { return false };
                let (Some(label), None) = (labels.next(), labels.next()) else { return false };
                is_label(label)
                    && !label.split('-').any(|word| except.iter().any(|name| word.eq_ignore_ascii_case(name)))
            }
        }
    }
}

/// A host name in which one `*` in a label stands for any part of that label: `reports*.office.com`,
/// `*.acme.test`. The last two labels are written out, so that no pattern means a whole top-level domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern(Cow<'static, str>);

impl HostPattern {
    /// Whether `host` (no port) fits. ASCII case does not count.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        fits(&self.0, host)
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a [`HostPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pattern of host names: write labels of letters, digits and hyphens, at most one `*` in a label \
     and none in the last two (`reports*.acme.com`)"
)]
pub struct BadHostPattern(String);

impl FromStr for HostPattern {
    type Err = BadHostPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let labels: Vec<&str> = text.split('.').collect();
        let written = |label: &&str| label.matches('*').count() <= 1 && is_label(&label.replace('*', "x"));
        let (open, closed) = labels.split_at(labels.len().saturating_sub(2));
        let valid = closed.len() == 2
            && open.iter().chain(closed).all(written)
            && !closed.iter().any(|label| label.contains('*'));
        if valid { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(BadHostPattern(text.to_owned())) }
    }
}

/// Whether `host` has the pattern's labels.
fn fits(pattern: &str, host: &str) -> bool {
    let (mut wanted, mut labels) = (pattern.split('.'), host.split('.'));
    loop {
        match (wanted.next(), labels.next()) {
            (Some(wanted), Some(label)) if is_label(label) && label_fits(wanted, label) => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

fn label_fits(wanted: &str, label: &str) -> bool {
    let Some((front, back)) = wanted.split_once('*') else { return label.eq_ignore_ascii_case(wanted) };
    label.len() >= front.len() + back.len()
        && label.get(..front.len()).is_some_and(|start| start.eq_ignore_ascii_case(front))
        && label.get(label.len() - back.len()..).is_some_and(|end| end.eq_ignore_ascii_case(back))
}

/// The labels of `host` in front of `domain`, or `None` when it is not below that domain.
fn labels_below<'a>(host: &'a str, domain: &str) -> Option<std::str::Split<'a, char>> {
    let cut = host.len().checked_sub(domain.len() + 1)?;
    let (front, back) = (host.get(..cut)?, host.get(cut + 1..)?);
    (host.as_bytes().get(cut) == Some(&b'.') && back.eq_ignore_ascii_case(domain)).then(|| front.split('.'))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_a_part_of_one_label() {
        let rule = HostRule::Like("results*.blob.acme.test");
        for host in ["results.blob.acme.test", "results17.blob.acme.test", "RESULTS1.Blob.acme.test"] {
            assert!(rule.matches(host), "{host}");
        }
        for host in [
            "blob.acme.test",
            "results1.x.blob.acme.test",
            "aresults.blob.acme.test",
            "results1.blob.acme.test.",
            "results1.blob.acme.test.evil.test",
            "results/.blob.acme.test",
        ] {
            assert!(!rule.matches(host), "{host}");
        }
        let inner: HostPattern = "a*z.acme.test".parse().unwrap();
        assert!(inner.matches("az.acme.test") && inner.matches("abcz.acme.test"));
        assert!(!inner.matches("a.acme.test") && !inner.matches("z.acme.test"));
    }

    #[test]
    fn patterns_that_mean_too_much_or_nothing_are_refused() {
        for text in [
            "*",
            "*.com",
            "acme.*",
            "a.*.com",
            "**.acme.test",
            "",
            ".",
            "a..b",
            "https://a.test",
            "a.test:1",
            "test",
        ] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert!(error.to_string().contains("not a pattern"), "{text}");
        }
        for text in ["acme.test", "*.acme.test", "a*.b*.acme.test"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().as_str(), text);
        }
    }
}
