//! The text forms of settings: durations and sizes with units, URLs, networks, addresses, secrets.
//!
//! Every form has one parser, used by deserialization and by the walk over the merged configuration, and one
//! schema marker that carries its `format`. A `format` names the parser.

use idp_adapters::HostPattern;
use std::{borrow::Cow, fmt, net::SocketAddr, str::FromStr, time::Duration};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::Url;

/// A number of bytes, written with a unit (`"8KiB"`, `"100MiB"`, `"64kB"`, `"512B"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// That many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// That many times 1024 bytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * 1024)
    }

    /// That many times 1024 × 1024 bytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * 1024 * 1024)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; saturates where `usize` is smaller.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const SIZE_UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (number, unit) = SIZE_UNITS
            .iter()
            .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number.trim_end(), *unit)))
            .ok_or_else(|| format!("`{text}` is not a size with a unit"))?;
        number
            .parse::<u64>()
            .ok()
            .filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|number| number.checked_mul(unit))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size with a unit"))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = SIZE_UNITS[..3].iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match whole {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Reads a duration with unit, e.g. `"30s"`, `"500ms"`, `"1h 30m"`.
///
/// # Errors
///
/// A sentence that says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Err(format!("`{text}` is not a duration with a unit"));
    }
    humantime::parse_duration(text.trim())
        .map_err(|error| format!("`{text}` is not a duration with a unit: {error}"))
}

/// Reads an IP network; a bare address means that one address.
///
/// # Errors
///
/// A sentence that says what is wrong with the text.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("`{text}` is neither an IP network nor an IP address"))
}

/// Reads a URL of scheme http, https, redis or rediss that has a host.
///
/// # Errors
///
/// A sentence that says what is wrong with the text.
pub fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{}` is not a URL: {error}", masked(text)))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(format!("`{}` has no host", masked(text)));
    }
    Ok(url)
}

/// The text of a URL without what may be a password in it.
fn masked(text: &str) -> Cow<'_, str> {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            Cow::Owned(format!("{}***{}", &text[..scheme + 3], &text[at..]))
        }
        (None, Some(_)) => Cow::Borrowed("***"),
        _ => Cow::Borrowed(text),
    }
}

/// Checks a value of one of the text formats.
pub(super) fn check_format(format: &str, text: &str) -> Result<(), String> {
    match format {
        DurationText::FORMAT => parse_duration(text).map(drop),
        SizeText::FORMAT => text.parse::<ByteSize>().map(drop),
        UrlText::FORMAT => parse_url(text).map(drop),
        NetText::FORMAT => parse_net(text).map(drop),
        HostPatternText::FORMAT => match text.parse::<HostPattern>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("`{text}` is not a pattern of host names")),
        },
        AddressText::FORMAT => text
            .parse::<SocketAddr>()
            .map(drop)
            .map_err(|_| format!("`{text}` is not an IP address with a port")),
        PathText::FORMAT if text.is_empty() => Err("the file name is empty".to_owned()),
        SecretText::FORMAT if text.is_empty() => Err("the secret is empty".to_owned()),
        _ => Ok(()),
    }
}

/// What to write instead, by format.
pub(super) fn format_remedy(format: &str) -> Option<&'static str> {
    Some(match format {
        DurationText::FORMAT => {
            "write a number with a unit, for example \"500ms\", \"30s\", \"10m\" or \"12h\""
        }
        SizeText::FORMAT => "write a whole number with a unit, for example \"512B\", \"64KiB\" or \"100MiB\"",
        UrlText::FORMAT => "write an absolute URL, for example \"https://api.example.com\"",
        NetText::FORMAT => "write a network such as \"10.0.0.0/8\" or an address such as \"10.1.2.3\"",
        HostPatternText::FORMAT => {
            "write at least two labels of letters, digits and hyphens, with at most one `*` in a label and none in the last two, \
             for example \"reports*.acme.com\""
        }
        AddressText::FORMAT => {
            "write an address such as \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::1]:8080\""
        }
        PathText::FORMAT => "write the name of a file",
        SecretText::FORMAT => {
            "give the secret, or leave the key out and name a file with the key that ends in `_file`"
        }
        "deny-or-list" => "write \"deny\", or a list of the hashes that are open",
        "word-or-list" => "write \"any\", \"none\", or a list of ids: [\"agent-1\"]",
        _ => return None,
    })
}

macro_rules! text_schema {
    ($($(#[$doc:meta])* $name:ident = $format:literal $(, $key:literal : $value:expr)* ;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl $name {
            pub(super) const FORMAT: &'static str = $format;
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format $(, $key: $value)* })
            }
        }
    )*};
}

text_schema! {
    /// Schema of a duration.
    DurationText = "time-span", "pattern": "[0-9]+ ?[a-zA-Z]+";
    /// Schema of a size in bytes.
    SizeText = "byte-size", "pattern": "^[0-9]+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)$";
    /// Schema of a URL.
    UrlText = "http-url", "pattern": "^[a-z]+://.+";
    /// Schema of an IP network.
    NetText = "ip-network";
    /// Schema of a pattern of host names.
    HostPatternText = "host-pattern";
    /// Schema of an address with port.
    AddressText = "socket-address";
    /// Schema of a file name; relative ones count from the configuration file's folder.
    PathText = "file-path", "minLength": 1;
    /// Schema of a secret: never shown.
    SecretText = "secret", "writeOnly": true, "minLength": 1;
}

impl JsonSchema for ByteSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("ByteSize")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        SizeText::json_schema(generator)
    }
}

/// For `serde(with)`, which also makes it the schema of the field.
impl DurationText {
    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

pub(super) fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    parse_url(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn optional_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    url(deserializer).map(Some)
}

fn list<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| parse(text).map_err(D::Error::custom)).collect()
}

pub(super) fn urls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Url>, D::Error> {
    list(deserializer, parse_url)
}

pub(super) fn url_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<std::collections::BTreeMap<String, Url>, D::Error> {
    std::collections::BTreeMap::<String, String>::deserialize(deserializer)?
        .into_iter()
        .map(|(key, text)| Ok((key, parse_url(&text).map_err(D::Error::custom)?)))
        .collect()
}

pub(super) fn host_patterns<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<HostPattern>, D::Error> {
    list(deserializer, str::parse::<HostPattern>)
}

pub(super) fn nets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    list(deserializer, parse_net)
}

pub(super) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(Some(SecretString::from(String::deserialize(deserializer)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_unit_and_round_trip() {
        for (text, bytes) in
            [("8KiB", 8192), ("100MiB", 104_857_600), ("64kB", 64_000), ("512 B", 512), ("0B", 0)]
        {
            assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes, "{text}");
        }
        for text in ["8", "KiB", "-1KiB", "+1KiB", "1.5MiB", "8 Kib", "99999999999GiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        for size in [ByteSize::kib(8), ByteSize::mib(100), ByteSize::new(1500)] {
            assert_eq!(size.to_string().parse::<ByteSize>().unwrap(), size);
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_duration("1h 30m").unwrap(), Duration::from_secs(5400));
        for text in ["30", "", "fast", "30 lightyears", "-1s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_bad_url_is_not_repeated() {
        let error = parse_url("redis://user:hunter2@[::").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
