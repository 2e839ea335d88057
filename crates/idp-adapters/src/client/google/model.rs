//! What Google answers, as far as this client reads it.

use serde::Deserialize;

use crate::client::lenient;

/// A calendar on the user's list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Calendar {
    /// The id, often an address.
    pub id: String,
    /// The title.
    pub summary: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// An IANA name.
    pub time_zone: Option<String>,
    /// `owner`, `writer`, `reader`, `freeBusyReader`.
    pub access_role: Option<String>,
    /// Whether it is the user's own.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub primary: bool,
}

/// An event. Cancelled ones can have nothing but id and status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// The id within the calendar.
    pub id: String,
    /// `confirmed`, `tentative`, `cancelled`.
    pub status: Option<String>,
    /// The title; absent where the user sees only that the time is taken.
    pub summary: Option<String>,
    /// The text, possibly HTML.
    pub description: Option<String>,
    /// Where it is.
    pub location: Option<String>,
    /// The page for people.
    pub html_link: Option<String>,
    /// When it starts.
    pub start: Option<EventTime>,
    /// When it ends; this moment is no longer part of it.
    pub end: Option<EventTime>,
    /// Whose event it is.
    pub organizer: Option<Attendee>,
    /// Who is invited.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub attendees: Vec<Attendee>,
    /// The series this is one of.
    pub recurring_event_id: Option<String>,
    /// When it was made.
    pub created: Option<String>,
    /// When it last changed.
    pub updated: Option<String>,
}

/// A day or a moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventTime {
    /// The day, of events that take whole days: `2026-01-02`.
    pub date: Option<String>,
    /// The moment, of all others: RFC 3339.
    pub date_time: Option<String>,
    /// An IANA name.
    pub time_zone: Option<String>,
}

/// A person who takes part in an event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Attendee {
    /// The address.
    pub email: Option<String>,
    /// The name.
    pub display_name: Option<String>,
    /// `needsAction`, `declined`, `tentative`, `accepted`.
    pub response_status: Option<String>,
    /// Whether this is the user.
    #[serde(default, rename = "self", deserialize_with = "lenient::or_default")]
    pub is_self: bool,
}

/// A file or folder in Drive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct File {
    /// The id.
    pub id: String,
    /// The name; several files of one folder may share it.
    pub name: Option<String>,
    /// The media type; folders are `application/vnd.google-apps.folder`.
    pub mime_type: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Bytes; absent for Google's own formats and folders.
    #[serde(default, deserialize_with = "lenient::count")]
    pub size: Option<u64>,
    /// Whether it was thrown away.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub trashed: bool,
    /// Whether the user starred it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub starred: bool,
    /// The folder it is in.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub parents: Vec<String>,
    /// The page for people.
    pub web_view_link: Option<String>,
    /// When it was made.
    pub created_time: Option<String>,
    /// When it last changed.
    pub modified_time: Option<String>,
    /// The bytes' MD5, hexadecimal.
    pub md5_checksum: Option<String>,
}

impl File {
    /// Whether this is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.mime_type.as_deref() == Some("application/vnd.google-apps.folder")
    }
}

/// A contact of the user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Contact {
    /// The id: `people/c123`.
    pub resource_name: String,
    /// Names.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub names: Vec<ContactName>,
    /// E-mail addresses.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub email_addresses: Vec<ContactDetail>,
    /// Phone numbers.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub phone_numbers: Vec<ContactDetail>,
}

/// A name of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContactName {
    /// The whole name.
    pub display_name: Option<String>,
    /// The first name or names.
    pub given_name: Option<String>,
    /// The last name or names.
    pub family_name: Option<String>,
}

/// An address or number of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContactDetail {
    /// The address or number itself.
    pub value: Option<String>,
    /// `home`, `work`, or the user's own word.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}
