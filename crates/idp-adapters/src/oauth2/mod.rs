//! Any API behind OAuth 2.0 bearer tokens, described by settings.

mod classify;
mod settings;

use std::{
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;
use url::Url;

pub use self::settings::{
    ErrorSelectors, LimitHeader, OAuth2Settings, PaginationStyle, ProfileMembers, ScopeDelimiter, TokenAuth,
};
use crate::{
    Adapter, Classified, Description, Endpoints, Head, HostPattern, HttpRequest, Kind, LinkMember,
    MalformedProfile, Outbound, Profile, RefreshError, RefreshInput, RefreshRule, Refreshed, Reply,
    RevokeError, RevokeInput, Revoked, Verdict, claims::Document, exchange,
};

/// The generic adapter.
#[derive(Clone, Debug)]
pub struct OAuth2Adapter {
    settings: OAuth2Settings,
    description: Description,
    links: Vec<LinkMember>,
    downloads: Vec<HostPattern>,
}

static PLAIN: LazyLock<OAuth2Adapter> =
    LazyLock::new(|| OAuth2Adapter::from_settings(OAuth2Settings::default()));

impl OAuth2Adapter {
    /// An adapter that behaves as `settings` say.
    // Trait objects are the only use there is for it.
    #[expect(clippy::new_ret_no_self, reason = "the adapter is used behind the trait alone")]
    #[must_use]
    pub fn new(settings: OAuth2Settings) -> Arc<dyn Adapter> {
        Arc::new(Self::from_settings(settings))
    }

    pub(crate) fn plain() -> &'static Self {
        &PLAIN
    }

    fn from_settings(settings: OAuth2Settings) -> Self {
        let description = Description {
            echo_prone: settings.echo_prone,
            strips_token_members: settings.strip_token_members,
            encoded_slash: settings.encoded_slash,
            refresh_rule: if settings.rotates { RefreshRule::Rotating } else { RefreshRule::Harmless },
            ..Description::empty(Kind::OAuth2)
        };
        let links = match &settings.pagination {
            PaginationStyle::NextUrl { member } => vec![LinkMember::at_pointer(member)],
            _ => Vec::new(),
        };
        let downloads = settings.download_hosts.iter().filter_map(|host| host.parse().ok()).collect();
        Self { settings, description, links, downloads }
    }

    fn token_request(&self, input: &RefreshInput<'_>) -> HttpRequest {
        let scope = input.scopes.filter(|scopes| !scopes.is_empty());
        let scope = scope.map(|scopes| scopes.join(self.settings.scope_delimiter.as_str()));
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", input.token.expose_secret())];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        exchange::post_form(input.url, input.client, self.settings.token_auth == TokenAuth::Basic, &form)
    }
}

impl Adapter for OAuth2Adapter {
    fn description(&self) -> &Description {
        &self.description
    }

    fn allows_host(&self, host: &str) -> bool {
        self.settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    fn download_host(&self, host: &str) -> bool {
        self.downloads.iter().any(|pattern| pattern.matches(host))
            || self.settings.download_hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    fn links(&self) -> &[LinkMember] {
        &self.links
    }

    fn place_token(&self, token: &BearerToken, _: Option<&SecretString>, outbound: &mut Outbound) {
        if self.settings.scheme.eq_ignore_ascii_case("bearer") {
            outbound.headers.insert(AUTHORIZATION, token.header().clone());
        } else if let Ok(mut value) =
            HeaderValue::try_from(format!("{} {}", self.settings.scheme, token.expose()).trim_start())
        {
            value.set_sensitive(true);
            outbound.headers.insert(AUTHORIZATION, value);
        }
    }

    fn required_headers(&self, _host: &str, headers: &mut HeaderMap) {
        for (name, value) in &self.settings.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.entry(name).or_insert(value);
            }
        }
    }

    fn classify(&self, head: &Head<'_>, now: SystemTime) -> Verdict {
        classify::head(&self.settings, head, now)
    }

    fn classify_body(&self, head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
        classify::body(&self.settings, head, body, now)
    }

    fn refresh_request(&self, input: &RefreshInput<'_>) -> Option<HttpRequest> {
        Some(self.token_request(input))
    }

    fn refresh_response(&self, reply: &Reply<'_>) -> Result<Refreshed, RefreshError> {
        exchange::refreshed(reply, Kind::OAuth2)
    }

    /// RFC 7009.
    fn revoke_request(&self, input: &RevokeInput<'_>) -> Option<HttpRequest> {
        let (token, hint) = match input.refresh_token {
            Some(token) => (token.expose_secret(), "refresh_token"),
            None => (input.access_token.expose(), "access_token"),
        };
        let form = [("token", token), ("token_type_hint", hint)];
        Some(exchange::post_form(
            input.url,
            input.client,
            self.settings.token_auth == TokenAuth::Basic,
            &form,
        ))
    }

    fn revoke_response(&self, reply: &Reply<'_>) -> Result<Revoked, RevokeError> {
        let error = exchange::members(reply.body).as_ref().and_then(exchange::error_word);
        match (reply.status, error.as_deref()) {
            (status, None) if status.is_success() => Ok(Revoked::Now),
            (StatusCode::BAD_REQUEST, Some("invalid_token")) => Ok(Revoked::Before),
            _ => Err(exchange::revoke_refused(reply, Kind::OAuth2)),
        }
    }

    fn profile(&self, body: &[u8]) -> Result<Profile, MalformedProfile> {
        let user = Document::parse(body)?;
        let members = &self.settings.profile;
        Ok(Profile {
            name: user.text(&members.name),
            given_name: user.text(&members.given_name),
            family_name: user.text(&members.family_name),
            preferred_username: user.text(&members.preferred_username),
            profile: user.text(&members.profile),
            picture: user.text(&members.picture),
            email: user.text(&members.email),
            email_verified: user.flag(&members.email_verified),
            locale: user.text(&members.locale),
            ..Profile::new(user.id(&members.sub)?)
        })
    }

    /// Only what the settings name.
    fn endpoints(&self, base_url: Option<&Url>) -> Endpoints {
        let own = &self.settings;
        let under_base = || {
            let path = own.profile_path.as_deref()?;
            Some(format!("{}/{}", base_url?.as_str().trim_end_matches('/'), path.trim_start_matches('/')))
        };
        Endpoints {
            token_url: own.token_url.clone(),
            revoke_url: own.revoke_url.clone(),
            profile_url: own.profile_url.clone().or_else(under_base),
        }
    }
}

#[cfg(test)]
mod tests;
