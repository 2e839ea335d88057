//! What a sandbox starts with.

use super::client::Client;
use super::people::{Identity, User};

/// Users and clients to start with. The default is [`World::demo`].
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<Client>,
}

impl Default for World {
    fn default() -> Self {
        Self::demo()
    }
}

impl World {
    /// No users, and only the sandbox's own clients.
    #[must_use]
    pub fn empty() -> Self {
        Self { users: Vec::new(), clients: Vec::new() }
    }

    /// Adds a user.
    #[must_use]
    pub fn with(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Adds an application of the tenant.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// `count` users `github|1000000`, `github|1000001`, ... with one GitHub account each, for load tests.
    #[must_use]
    pub fn many_users(count: u32) -> Self {
        let mut world = Self::empty();
        for number in 0..count {
            let id = (1_000_000 + number).to_string();
            let login = format!("user{number}");
            world = world.with(
                User::new(format!("github|{id}"))
                    .named(&format!("User {number}"), &format!("{login}@example.test"))
                    .identity(Identity::github(&id, &login)),
            );
        }
        world
    }
}
