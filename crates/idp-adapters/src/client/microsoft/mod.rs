//! Microsoft Graph: messages, events, files.

mod model;

use super::{
    Call, Listing,
    builder::typed_client,
    listing::{Next, Style},
    profile,
    request::Request,
};
use crate::{Kind, Profile};

pub use self::model::{Address, Attendee, Body, DriveItem, Event, EventTime, Message};

const HOST: &str = "graph.microsoft.com";

static PAGES: Style = Style {
    size: "$top",
    max: 999,
    items: "value",
    absent_is_empty: false,
    next: Next::Url { pointer: "/@odata.nextLink", without: &["access_token"] },
};

typed_client!(
    /// Microsoft Graph, for work and personal accounts. Parameters of all listings: `$select`, `$filter`,
    /// `$orderby`.
    ///
    /// ```no_run
    /// # async fn f(token: idp_adapters::BearerToken) -> Result<(), idp_adapters::client::Error> {
    /// use idp_adapters::client::Microsoft;
    ///
    /// let microsoft = Microsoft::new(token)?;
    /// let unread = microsoft.messages().param("$filter", "isRead eq false").page_size(20).page().await?;
    /// println!("{} messages", unread.items.len());
    /// # Ok(())
    /// # }
    /// ```
    Microsoft,
    Kind::Microsoft
);

impl Microsoft {
    /// A call under the user; `v1.0` in front.
    fn get(segments: &[&str]) -> Request {
        let mut path = vec!["v1.0", "me"];
        path.extend(segments);
        Request::get(HOST, &path)
    }

    /// The user's profile. Permission `User.Read`.
    pub fn profile(&self) -> Call<Profile> {
        profile(&self.api, Self::get(&[]))
    }

    /// The messages of all folders, the newest first. Permission `Mail.Read`.
    pub fn messages(&self) -> Listing<Message> {
        Listing::new(&self.api, Self::get(&["messages"]), &PAGES)
    }

    /// One message. Permission `Mail.Read`.
    pub fn message(&self, id: &str) -> Call<Message> {
        Call::json(&self.api, Self::get(&["messages", id]))
    }

    /// The events of the user's calendar; a series is one of them. Permission `Calendars.Read`.
    pub fn events(&self) -> Listing<Event> {
        Listing::new(&self.api, Self::get(&["events"]), &PAGES)
    }

    /// What the top folder of the user's drive holds. Permission `Files.Read`.
    pub fn drive_children(&self) -> Listing<DriveItem> {
        Listing::new(&self.api, Self::get(&["drive", "root", "children"]), &PAGES)
    }

    /// What a folder of the user's drive holds. Permission `Files.Read`.
    pub fn folder_children(&self, folder: &str) -> Listing<DriveItem> {
        Listing::new(&self.api, Self::get(&["drive", "items", folder, "children"]), &PAGES)
    }
}
