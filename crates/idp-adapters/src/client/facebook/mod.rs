//! Facebook: permissions, photos.

mod model;

#[cfg(feature = "facebook-proof")]
use secrecy::SecretString;

use super::{
    Builder, Call, Listing,
    builder::typed_client,
    listing::{Next, Style},
    profile,
    request::Request,
};
use crate::{Kind, Profile};

pub use self::model::{Image, Permission, Photo};

const HOST: &str = "graph.facebook.com";

/// Links to other pages repeat the token and its proof: neither belongs into a cursor.
static PAGES: Style = Style {
    size: "limit",
    max: 100,
    items: "data",
    absent_is_empty: false,
    next: Next::Url { pointer: "/paging/next", without: &["access_token", "appsecret_proof"] },
};

typed_client!(
    /// Facebook's Graph API.
    ///
    /// ```no_run
    /// # async fn f(token: idp_adapters::BearerToken) -> Result<(), idp_adapters::client::Error> {
    /// use idp_adapters::client::Facebook;
    ///
    /// let facebook = Facebook::builder(token).version("v23.0").build()?;
    /// println!("{:?}", facebook.profile().await?.name);
    /// # Ok(())
    /// # }
    /// ```
    Facebook,
    Kind::Facebook,
    const VERSION: &'static str = "v22.0";
);

impl Builder<Facebook> {
    /// The app's secret (feature `facebook-proof`): every call then carries the proof that Facebook demands of apps set up so.
    #[cfg(feature = "facebook-proof")]
    #[must_use]
    pub fn app_secret(mut self, secret: SecretString) -> Self {
        self.app_secret = Some(secret);
        self
    }

    /// The version of the API. Default: `v22.0`.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }
}

impl Facebook {
    fn get(&self, segments: &[&str]) -> Request {
        let mut path = vec![self.api.version.as_str()];
        path.extend(segments);
        Request::get(HOST, &path)
    }

    /// The user's profile. Permission `public_profile`, and `email` for the address. Ids are the app's own.
    pub fn profile(&self) -> Call<Profile> {
        let request = self.get(&["me"]).with("fields", "id,name,first_name,last_name,email,picture");
        profile(&self.api, request)
    }

    /// What the user allowed the app, and what not.
    pub fn permissions(&self) -> Listing<Permission> {
        Listing::new(&self.api, self.get(&["me", "permissions"]), &PAGES)
    }

    /// The photos the user is tagged in; with the parameter `type` set to `uploaded` the user's own. Permission
    /// `user_photos`. Asks for the members of [`Photo`].
    pub fn photos(&self) -> Listing<Photo> {
        let request = self.get(&["me", "photos"]).with("fields", "id,name,created_time,link,images");
        Listing::new(&self.api, request, &PAGES)
    }
}
