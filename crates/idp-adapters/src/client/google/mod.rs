//! Google: calendars and events, Drive files, contacts.

mod model;

use url::Url;

use super::{
    Builder, Call, Listing,
    builder::typed_client,
    listing::{Next, Style},
    profile,
    request::Request,
};
use crate::{Kind, Profile};

pub use self::model::{Attendee, Calendar, Contact, ContactDetail, ContactName, Event, EventTime, File};

const HOST: &str = "www.googleapis.com";
const PEOPLE: &str = "people.googleapis.com";
const OPENID: &str = "openidconnect.googleapis.com";

/// Google leaves empty lists out.
const fn pages(size: &'static str, max: u32, items: &'static str) -> Style {
    let next = Next::Token { member: "nextPageToken", param: "pageToken" };
    Style { size, max, items, absent_is_empty: true, next }
}

static CALENDARS: Style = pages("maxResults", 250, "items");
static EVENTS: Style = pages("maxResults", 2500, "items");
static FILES: Style = pages("pageSize", 1000, "files");
static CONTACTS: Style = pages("pageSize", 1000, "connections");

/// What [`File`] holds; Drive answers little else than ids unless asked.
const FILE_FIELDS: &str = "id,name,mimeType,description,size,trashed,starred,parents,webViewLink,createdTime,modifiedTime,md5Checksum";

typed_client!(
    /// Google's APIs for users.
    ///
    /// The services live on several hosts. A base URL takes the place of all of them;
    /// [`Builder::upstream`](super::Builder::upstream) goes before it for a single one.
    ///
    /// ```no_run
    /// # async fn f(token: idp_adapters::BearerToken) -> Result<(), idp_adapters::client::Error> {
    /// use idp_adapters::client::Google;
    ///
    /// let google = Google::new(token)?;
    /// let mut files = google.files().param("q", "trashed = false").items();
    /// while let Some(file) = files.try_next().await? {
    ///     println!("{:?}", file.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    Google,
    Kind::Google
);

impl Builder<Google> {
    /// Calls for one of Google's hosts (`people.googleapis.com`) go here, whatever the base URL.
    #[must_use]
    pub fn upstream(mut self, host: &str, url: Url) -> Self {
        self.upstreams.insert(host.to_ascii_lowercase(), url);
        self
    }
}

impl Google {
    /// The user's profile. Scopes `openid profile email`.
    pub fn profile(&self) -> Call<Profile> {
        // The same answer has a second address, on the host that a base URL stands for.
        let moved = self.api.base.is_some() && !self.api.upstreams.contains_key(OPENID);
        let request = if moved {
            Request::get(HOST, &["oauth2", "v3", "userinfo"])
        } else {
            Request::get(OPENID, &["v1", "userinfo"])
        };
        profile(&self.api, request)
    }

    /// The calendars on the user's list. Scope `calendar.calendarlist.readonly` or wider.
    pub fn calendars(&self) -> Listing<Calendar> {
        let request = Request::get(HOST, &["calendar", "v3", "users", "me", "calendarList"]);
        Listing::new(&self.api, request, &CALENDARS)
    }

    /// The events of a calendar, `primary` for the user's own. Scope `calendar.events.readonly` or wider.
    /// Parameters: `timeMin`, `timeMax`, `singleEvents`, `orderBy`, `q`, ...
    pub fn events(&self, calendar: &str) -> Listing<Event> {
        let request = Request::get(HOST, &["calendar", "v3", "calendars", calendar, "events"]);
        Listing::new(&self.api, request, &EVENTS)
    }

    /// One event.
    pub fn event(&self, calendar: &str, id: &str) -> Call<Event> {
        Call::json(&self.api, Request::get(HOST, &["calendar", "v3", "calendars", calendar, "events", id]))
    }

    /// The user's files in Drive. Scope `drive.metadata.readonly` or wider; with `drive.file` only what the app
    /// made or was given. Parameters: `q`, `orderBy`, ...; asks for the members of [`File`].
    pub fn files(&self) -> Listing<File> {
        let request = Request::get(HOST, &["drive", "v3", "files"])
            .with("fields", format!("nextPageToken,files({FILE_FIELDS})"));
        Listing::new(&self.api, request, &FILES)
    }

    /// One file's metadata.
    pub fn file(&self, id: &str) -> Call<File> {
        let request = Request::get(HOST, &["drive", "v3", "files", id]).with("fields", FILE_FIELDS);
        Call::json(&self.api, request)
    }

    /// The user's contacts. Scope `contacts.readonly`. Asks for the members of [`Contact`]; another parameter
    /// `personFields` asks for others.
    pub fn contacts(&self) -> Listing<Contact> {
        let request = Request::get(PEOPLE, &["v1", "people", "me", "connections"])
            .with("personFields", "names,emailAddresses,phoneNumbers");
        Listing::new(&self.api, request, &CONTACTS)
    }
}
