//! The three users of `gateway demo`.

use super::people::{Condition, Identity, User};
use super::start::World;

impl World {
    /// Three users. Ana signs in with Google and has nothing else; Ben has Google, GitHub, Bitbucket,
    /// Facebook, Microsoft and a custom OAuth 2.0 account linked, and may write files and events; Cleo's GitHub grant is revoked and her
    /// Google consent lacks the calendar and Drive.
    #[must_use]
    pub fn demo() -> Self {
        let ana = User::new("google-oauth2|100000000000000000001")
            .named("Ana Roe", "ana@example.test")
            .identity(Identity::google("100000000000000000001", "ana").also_in_vault());
        let drive = "https://www.googleapis.com/auth/drive.file";
        let ben = User::new("google-oauth2|100000000000000000002")
            .named("Ben Okafor", "ben@example.test")
            .identity(Identity::google("100000000000000000002", "ben").also_in_vault().with_scope(drive))
            .identity(Identity::github("583232", "ben"))
            .identity(Identity::bitbucket("{6f1c9b0e-2d0e-4b53-9d5a-1f3c5a7e9b02}", "ben"))
            .identity(Identity::facebook("10158000000000002", "ben"))
            .identity(
                Identity::microsoft("48d31887-5fad-4d73-a9f5-3c356e68a002", "ben")
                    .with_scope("Calendars.ReadWrite")
                    .with_scope("Files.ReadWrite"),
            )
            .identity(Identity::oauth2("acme-crm", "crm-2", "ben"));
        let calendar = "https://www.googleapis.com/auth/calendar.readonly";
        let cleo = User::new("google-oauth2|100000000000000000003")
            .named("Cleo Brandt", "cleo@example.test")
            .identity(
                Identity::google("100000000000000000003", "cleo")
                    .without_scope(calendar)
                    .without_scope("https://www.googleapis.com/auth/calendar.events")
                    .without_scope("https://www.googleapis.com/auth/drive.readonly"),
            )
            .identity(Identity::github("583233", "cleo").condition(Condition::Revoked));
        Self::empty().with(ana).with(ben).with(cleo)
    }
}
