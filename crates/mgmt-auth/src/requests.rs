//! Sending a request: its token, its place in the rate limit, its few repetitions.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use token_keeper::Keeper;
use tokio::time::Instant;

use crate::{
    Error, ManagementToken, Priority,
    answer::{self, Endpoint},
    budget::Budget,
    hints::RateHeaders,
    management::ManagementLoad,
    oauth::{Call, Endpoints},
};

/// What a request needs of its tenant, and until when it may wait.
pub(crate) struct Requests<'a> {
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) tokens: &'a Keeper<ManagementLoad>,
    pub(crate) budget: &'a Budget,
    pub(crate) priority: Priority,
    pub(crate) deadline: Instant,
}

impl Requests<'_> {
    pub(crate) async fn send(&self, call: &Call) -> Result<(Response<Bytes>, Arc<ManagementToken>), Error> {
        let (mut replaced, mut waited) = (false, false);
        loop {
            let token = self.tokens.get().await?;
            let error = match self.send_once(call, &token).await {
                Ok(answer) => {
                    token.worked();
                    return Ok((answer, token));
                }
                Err(error) => error,
            };
            let fits = error.retry_after().is_some_and(|wait| Instant::now() + wait < self.deadline);
            if error.is_unauthorized() && !replaced && self.reject(&token) {
                replaced = true;
            } else if error.is_rate_limited() && error.status().is_some() && !waited && fits {
                waited = true;
            } else {
                return Err(error);
            }
        }
    }

    /// Drops a refused token, unless that would cost too many token requests.
    pub(crate) fn reject(&self, token: &Arc<ManagementToken>) -> bool {
        let replace = self.tokens.loader().refuse(token);
        if replace {
            self.tokens.reject(token);
        }
        replace
    }

    async fn send_once(&self, call: &Call, token: &ManagementToken) -> Result<Response<Bytes>, Error> {
        let permit = self.budget.acquire(self.priority, self.deadline).await?;
        let answer = match self.endpoints.management(call, token.bearer().header()).await {
            Ok(answer) => answer,
            Err(error) => {
                permit.unanswered(&error);
                return Err(error);
            }
        };
        tracing::Span::current().record("status", answer.status().as_u16());
        let now = self.endpoints.clock.now();
        let failure =
            (!answer.status().is_success()).then(|| answer::decode(&answer, Endpoint::Management, now));
        let refused_for =
            failure.as_ref().filter(|error| error.is_rate_limited()).and_then(Error::retry_after);
        permit.answered(RateHeaders::read(answer.headers(), now), refused_for);
        failure.map_or(Ok(answer), Err)
    }
}
