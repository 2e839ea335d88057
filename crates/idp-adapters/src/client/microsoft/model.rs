//! What Microsoft Graph answers, as far as this client reads it.

use secrecy::SecretString;
use serde::Deserialize;

use crate::client::lenient;

/// A name and an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Recipient")]
#[non_exhaustive]
pub struct Address {
    /// The name.
    pub name: Option<String>,
    /// The address.
    pub address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: Option<EmailAddress>,
}

#[derive(Default, Deserialize)]
struct EmailAddress {
    name: Option<String>,
    address: Option<String>,
}

impl From<Recipient> for Address {
    fn from(recipient: Recipient) -> Self {
        let EmailAddress { name, address } = recipient.email_address.unwrap_or_default();
        Self { name, address }
    }
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Body {
    /// `text` or `html`.
    pub content_type: Option<String>,
    /// The text itself.
    pub content: Option<String>,
}

/// An e-mail message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Message {
    /// The id; another one once the message moves to another folder.
    pub id: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Its beginning, as plain text.
    pub body_preview: Option<String>,
    /// The whole text.
    pub body: Option<Body>,
    /// Whose message it is; drafts have none.
    pub from: Option<Address>,
    /// To whom it is.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub to_recipients: Vec<Address>,
    /// When it came.
    pub received_date_time: Option<String>,
    /// `low`, `normal`, `high`.
    pub importance: Option<String>,
    /// Whether it was read.
    pub is_read: Option<bool>,
    /// Whether files are attached.
    pub has_attachments: Option<bool>,
    /// The page for people.
    pub web_link: Option<String>,
}

/// An event of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// The id.
    pub id: String,
    /// The title.
    pub subject: Option<String>,
    /// The text's beginning, as plain text.
    pub body_preview: Option<String>,
    /// When it starts.
    pub start: Option<EventTime>,
    /// When it ends.
    pub end: Option<EventTime>,
    /// Where it is.
    #[serde(default, deserialize_with = "display_name")]
    pub location: Option<String>,
    /// Whose event it is.
    pub organizer: Option<Address>,
    /// Who is invited.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub attendees: Vec<Attendee>,
    /// Whether it takes whole days.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub is_all_day: bool,
    /// Whether it was called off.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub is_cancelled: bool,
    /// The page for people.
    pub web_link: Option<String>,
}

/// A moment: a local time without offset, in a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventTime {
    /// The local time: `2026-01-02T03:04:05.0000000`.
    pub date_time: Option<String>,
    /// `UTC`, a Windows name or an IANA name.
    pub time_zone: Option<String>,
}

/// A person who is invited to an event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Invited")]
#[non_exhaustive]
pub struct Attendee {
    /// Who it is.
    pub address: Address,
    /// `required`, `optional`, `resource`.
    pub kind: Option<String>,
    /// `none`, `accepted`, `tentativelyAccepted`, `declined`, ...
    pub response: Option<String>,
}

#[derive(Deserialize)]
struct Invited {
    #[serde(flatten)]
    address: Address,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    response: Option<String>,
}

impl From<Invited> for Attendee {
    fn from(invited: Invited) -> Self {
        let response = invited.status.and_then(|status| status.response);
        Self { address: invited.address, kind: invited.kind, response }
    }
}

/// A file or folder of a drive.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DriveItem {
    /// The id within the drive.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// Bytes; of a folder those of all it holds.
    #[serde(default, deserialize_with = "lenient::count")]
    pub size: Option<u64>,
    /// The page for people.
    pub web_url: Option<String>,
    /// When it was made.
    pub created_date_time: Option<String>,
    /// When it last changed.
    pub last_modified_date_time: Option<String>,
    /// Where the bytes are: a link that works without a token for some minutes.
    #[serde(default, rename = "@microsoft.graph.downloadUrl", deserialize_with = "lenient::secret")]
    pub download_url: Option<SecretString>,
    folder: Option<Folder>,
    file: Option<FileFacet>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Folder {
    #[serde(default, deserialize_with = "lenient::count")]
    child_count: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileFacet {
    mime_type: Option<String>,
}

impl DriveItem {
    /// Whether this is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// How many things a folder holds.
    #[must_use]
    pub fn child_count(&self) -> Option<u64> {
        self.folder.as_ref()?.child_count
    }

    /// A file's media type.
    #[must_use]
    pub fn mime_type(&self) -> Option<&str> {
        self.file.as_ref()?.mime_type.as_deref()
    }
}

/// The name of a place.
fn display_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Place {
        display_name: Option<String>,
    }
    let place = Option::<Place>::deserialize(deserializer)?;
    Ok(place.and_then(|place| place.display_name).filter(|name| !name.is_empty()))
}
