//! A diagnosis of one token: every check by itself, whatever became of the others.

use std::time::SystemTime;

use crate::claims::{self, Party};
use crate::header;
use crate::jose::Compact;
use crate::refusal::{Mismatch, Refusal, shown};
use crate::time;
use crate::verifier::Verifier;

/// How one check of [`Verifier::explain`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The token passes.
    Passed,
    /// The token fails.
    Failed,
    /// It could not be checked, because of an earlier failure or because the tenant does not answer.
    Skipped,
}

/// One check of [`Verifier::explain`]. Nothing in it holds the token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Check {
    /// A stable word: `form`, `algorithm`, `type`, `issuer`, `key`, `signature`, `kind`, `audience`, `times`, `binding`,
    /// `claims`, `client`, `organization`, `actors`, `user`, `logout`.
    pub step: &'static str,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What was found, or what is wrong.
    pub detail: String,
    /// What was refused beside what is accepted, where that can be said in two values.
    pub mismatch: Option<Mismatch>,
}

/// The steps behind `form`, which needs no others.
const STEPS: [&str; 15] = [
    "algorithm",
    "type",
    "issuer",
    "key",
    "signature",
    "kind",
    "audience",
    "times",
    "binding",
    "claims",
    "client",
    "organization",
    "actors",
    "user",
    "logout",
];

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn push(&mut self, step: &'static str, outcome: CheckOutcome, detail: impl Into<String>) {
        self.0.push(Check { step, outcome, detail: detail.into(), mismatch: None });
    }

    /// Adds the result of a check; gives the value if it passed.
    fn add<T>(
        &mut self,
        step: &'static str,
        result: Result<T, Refusal>,
        found: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                self.push(step, CheckOutcome::Passed, found(&value));
                Some(value)
            }
            Err(refusal) => {
                // What the tenant does not answer says nothing of the token.
                let failed = !refusal.reason.status().is_server_error();
                let outcome = if failed { CheckOutcome::Failed } else { CheckOutcome::Skipped };
                let mismatch = refusal.mismatch.map(|mismatch| *mismatch);
                self.0.push(Check { step, outcome, detail: refusal.cause.to_owned(), mismatch });
                None
            }
        }
    }
}

impl Verifier {
    /// Checks `token` as if it were sent as Bearer at `now`, and says of each check how it ended. Nothing is cached, and
    /// nothing is remembered; the tenant is asked at most for its keys.
    ///
    /// This is for operators: unlike the answer to a caller it says which check fails before the signature, and what the
    /// token says.
    pub async fn explain(&self, token: &str, now: SystemTime) -> Vec<Check> {
        let mut checks = Checks::default();
        let parsed = header::parse(token.trim(), self.rules());
        let Some(token) =
            checks.add("form", parsed, |_| "three parts of base64url, JSON without duplicates".into())
        else {
            for step in STEPS {
                checks.push(step, CheckOutcome::Skipped, "the token cannot be read");
            }
            return checks.0;
        };
        self.head(&token, &mut checks).await;
        self.body(&token, time::seconds(now), &mut checks);
        checks.0
    }

    async fn head(&self, token: &Compact<'_>, checks: &mut Checks) {
        let algorithm = checks
            .add("algorithm", header::algorithm(token, self.rules()), |algorithm| algorithm.as_str().into());
        checks.add("type", header::typ(token), |()| "an access token's, or none".into());
        checks.add("issuer", header::issuer(token, self.rules()), |issuer| issuer.to_string());
        let key = checks
            .add("key", header::key(token, self.keys()).await, |_| shown(token.kid().unwrap_or_default()));
        match (algorithm, key) {
            (Some(algorithm), Some(key)) => {
                checks.add(
                    "signature",
                    header::signature(token, self.parsed_keys(), (algorithm, &key)),
                    |()| "made with the tenant's key".into(),
                );
            }
            _ => {
                checks.push("signature", CheckOutcome::Skipped, "needs an accepted algorithm and a known key")
            }
        }
    }

    fn body(&self, token: &Compact<'_>, now: i64, checks: &mut Checks) {
        let (claims, rules) = (&token.claims, self.rules());
        checks.add("kind", claims::kind(claims), |()| "neither an ID token nor a logout token".into());
        checks.add("audience", claims::audience(claims, rules), |found| shown(&found.join(" ")));
        let times = checks.add("times", claims::times(claims, rules, now), |times| {
            format!("issued {} s ago, ends in {} s", now - times.issued_at, times.expires_at - now)
        });
        checks.add("binding", claims::thumbprint(claims), |thumbprint| match thumbprint {
            None => "not bound to a key".into(),
            Some(_) => "bound to a key: it needs a DPoP proof with every request".into(),
        });
        let party = Party::of(token).and_then(|party| claims::granted(claims).map(|_| party));
        let Some(party) = checks.add("claims", party, |_| "of the right types".into()) else {
            for step in ["client", "organization", "actors", "user", "logout"] {
                checks.push(step, CheckOutcome::Skipped, "a claim has the wrong type");
            }
            return;
        };
        for (step, result) in party.each(rules) {
            checks.add(step, result, |()| shown(&found(&party, step)));
        }
        let subject = party.subject.unwrap_or_default();
        match times.and_then(|times| time::system(times.issued_at)) {
            None => checks.push("logout", CheckOutcome::Skipped, "needs the time of issue"),
            Some(at) if self.marks().refuses(subject, at) => {
                checks.push("logout", CheckOutcome::Failed, "issued before a logout of the user");
            }
            Some(_) => checks.push("logout", CheckOutcome::Passed, "no later logout is known here"),
        }
    }
}

/// What a passed check of the party found.
fn found(party: &Party<'_>, step: &str) -> String {
    let none = || "none".to_owned();
    match step {
        "client" => party.client.map_or_else(none, str::to_owned),
        "organization" => party.organization.or(party.organization_name).map_or_else(none, str::to_owned),
        "user" => party.subject.map_or_else(none, str::to_owned),
        _ if party.actors.is_empty() => none(),
        _ => party.actors.iter().map(|actor| actor.subject()).collect::<Vec<_>>().join(" "),
    }
}
