//! The rows of [`REFUSALS`](super::cause::REFUSALS). Numbers are from Microsoft's list of AADSTS codes
//! (`reference-error-codes` in its documentation) where no other source is named.

use super::{
    Cause::{self, *},
    Refusal, Sign,
};
use crate::Kind;

const fn word(word: &'static str, cause: Cause) -> Refusal {
    Refusal { kind: None, sign: Sign::Word(word), cause }
}

const fn own(kind: Kind, word: &'static str, cause: Cause) -> Refusal {
    Refusal { kind: Some(kind), sign: Sign::Word(word), cause }
}

const fn entra(number: u32, cause: Cause) -> Refusal {
    Refusal { kind: Some(Kind::Microsoft), sign: Sign::Number(number), cause }
}

pub(super) const REFUSALS: &[Refusal] = &[
    // RFC 6749, section 5.2, and its registered neighbours.
    word("invalid_grant", GrantInvalid),
    word("expired_token", GrantExpired),
    word("access_denied", GrantRevoked),
    word("interaction_required", InteractionRequired),
    word("login_required", InteractionRequired),
    word("consent_required", ConsentMissing),
    word("invalid_client", ClientRejected),
    word("unauthorized_client", ClientRejected),
    word("invalid_client_credentials", ClientRejected),
    word("invalid_resource", ResourceUnavailable),
    word("invalid_target", ResourceUnavailable),
    word("invalid_scope", ResourceUnavailable),
    word("invalid_request", RequestRefused),
    word("unsupported_grant_type", RequestRefused),
    word("slow_down", Throttled),
    word("temporarily_unavailable", Unavailable),
    word("server_error", Unavailable),
    word("internal_failure", Unavailable),
    // Google. `unauthorized_client` is what a refresh token of another client gets.
    own(Kind::Google, "unauthorized_client", OtherClient),
    own(Kind::Google, "admin_policy_enforced", PolicyBlocked),
    own(Kind::Google, "deleted_client", ClientUnknown),
    own(Kind::Google, "disabled_client", ClientDisabled),
    Refusal { kind: Some(Kind::Google), sign: Sign::Subtype("invalid_rapt"), cause: InteractionRequired },
    Refusal { kind: Some(Kind::Google), sign: Sign::Subtype("rapt_required"), cause: InteractionRequired },
    // GitHub.
    own(Kind::GitHub, "bad_refresh_token", GrantInvalid),
    own(Kind::GitHub, "bad_verification_code", GrantInvalid),
    own(Kind::GitHub, "unverified_user_email", InteractionRequired),
    own(Kind::GitHub, "incorrect_client_credentials", ClientRejected),
    own(Kind::GitHub, "application_suspended", ClientDisabled),
    own(Kind::GitHub, "redirect_uri_mismatch", RequestRefused),
    // Entra ID: the grant.
    entra(70_000, GrantInvalid),
    entra(54_005, GrantInvalid),
    entra(70_008, GrantExpired),
    entra(700_082, GrantExpired),
    entra(700_084, GrantExpired),
    entra(50_089, GrantExpired),
    entra(70_043, InteractionRequired),
    entra(50_173, GrantRevoked),
    entra(50_132, GrantRevoked),
    entra(50_133, GrantRevoked),
    // Not in Microsoft's list; seen in public code and support notes: "grant issued for different client id".
    entra(700_007, OtherClient),
    // Entra ID: consent.
    entra(65_001, ConsentMissing),
    entra(65_004, ConsentMissing),
    entra(90_008, ConsentMissing),
    entra(90_094, ConsentMissing),
    entra(90_095, ConsentMissing),
    // Entra ID: a sign-in with the user present.
    entra(16_000, InteractionRequired),
    entra(50_055, InteractionRequired),
    entra(50_058, InteractionRequired),
    entra(50_072, InteractionRequired),
    entra(50_074, InteractionRequired),
    entra(50_076, InteractionRequired),
    entra(50_078, InteractionRequired),
    entra(50_079, InteractionRequired),
    entra(50_085, InteractionRequired),
    entra(50_125, InteractionRequired),
    entra(50_135, InteractionRequired),
    entra(50_139, InteractionRequired),
    entra(50_144, InteractionRequired),
    entra(50_158, InteractionRequired),
    entra(53_004, InteractionRequired),
    entra(700_020, InteractionRequired),
    // Entra ID: conditional access and tenant policies.
    entra(50_005, PolicyBlocked),
    entra(50_097, PolicyBlocked),
    entra(50_129, PolicyBlocked),
    entra(50_131, PolicyBlocked),
    entra(50_155, PolicyBlocked),
    entra(53_000, PolicyBlocked),
    entra(53_001, PolicyBlocked),
    entra(53_002, PolicyBlocked),
    entra(53_003, PolicyBlocked),
    entra(53_010, PolicyBlocked),
    entra(53_011, PolicyBlocked),
    entra(530_032, PolicyBlocked),
    entra(530_035, PolicyBlocked),
    entra(500_212, PolicyBlocked),
    entra(500_213, PolicyBlocked),
    // Entra ID: the account.
    entra(50_014, AccountUnavailable),
    entra(50_020, AccountUnavailable),
    entra(50_034, AccountUnavailable),
    entra(50_053, AccountUnavailable),
    entra(50_057, AccountUnavailable),
    entra(50_105, AccountUnavailable),
    entra(51_004, AccountUnavailable),
    entra(90_072, AccountUnavailable),
    // Entra ID: the client. 7000012 and 9002331 are not in Microsoft's list; seen in public code.
    entra(70_002, ClientRejected),
    entra(700_025, ClientRejected),
    entra(700_027, ClientRejected),
    entra(7_000_215, ClientRejected),
    entra(7_000_218, ClientRejected),
    entra(7_000_222, ClientSecretExpired),
    entra(70_001, ClientDisabled),
    entra(7_000_112, ClientDisabled),
    entra(700_011, ClientUnknown),
    entra(700_016, ClientUnknown),
    entra(50_194, TokenEndpointWrong),
    entra(50_059, TokenEndpointWrong),
    entra(90_002, TokenEndpointWrong),
    entra(90_019, TokenEndpointWrong),
    entra(90_038, TokenEndpointWrong),
    entra(90_124, TokenEndpointWrong),
    entra(90_130, TokenEndpointWrong),
    entra(700_005, TokenEndpointWrong),
    entra(7_000_012, TokenEndpointWrong),
    entra(9_001_023, TokenEndpointWrong),
    entra(9_002_331, TokenEndpointWrong),
    entra(9_002_332, TokenEndpointWrong),
    // Entra ID: the resource.
    entra(50_001, ResourceUnavailable),
    entra(500_011, ResourceUnavailable),
    entra(65_005, ResourceUnavailable),
    entra(650_052, ResourceUnavailable),
    entra(650_056, ResourceUnavailable),
    entra(650_057, ResourceUnavailable),
    entra(70_011, ResourceUnavailable),
    // Entra ID: limits and failures, some of which come as `invalid_grant` or `invalid_request`.
    entra(50_196, Throttled),
    entra(90_055, Throttled),
    entra(50_000, Unavailable),
    entra(50_033, Unavailable),
    entra(40_010, Unavailable),
    entra(70_012, Unavailable),
    entra(80_001, Unavailable),
    entra(80_002, Unavailable),
    entra(90_006, Unavailable),
    entra(90_012, Unavailable),
    entra(90_024, Unavailable),
    entra(90_033, Unavailable),
    entra(90_090, Unavailable),
    entra(90_091, Unavailable),
];
