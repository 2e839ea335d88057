//! What waits for the store.

use std::collections::VecDeque;

use super::record::Command;

/// The most commands that wait for the store; the oldest are dropped first.
const MOST_PENDING: usize = 10_000;

/// Commands that the store has not taken yet. Of those about the same thing the last one counts.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) commands: VecDeque<(u64, Command)>,
    /// The number of the last one.
    pub(super) last: u64,
}

impl Pending {
    /// Adds one in place of those that mean nothing after it.
    pub(super) fn push(&mut self, command: Command) {
        self.commands.retain(|(_, known)| !command.replaces(known));
        self.add(command);
    }

    /// Adds one that is known to be about something new.
    pub(super) fn add(&mut self, command: Command) {
        if self.commands.len() >= MOST_PENDING {
            self.commands.pop_front();
            tracing::error!(event = "command_dropped", "the store has been down for too many commands");
        }
        self.last += 1;
        self.commands.push_back((self.last, command));
    }

    /// Adds what was in force before all the others.
    pub(super) fn put_first(&mut self, commands: Vec<Command>) {
        let later = std::mem::take(&mut self.commands);
        commands.into_iter().for_each(|command| self.add(command));
        self.commands.extend(later);
    }

    /// Removes what the store has taken.
    pub(super) fn taken(&mut self, up_to: u64) {
        self.commands.retain(|(number, _)| *number > up_to);
    }
}
