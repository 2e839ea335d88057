//! What the download hosts answer when a link does not work: storage services, not the providers themselves.

use crate::http::Answer;

use super::trouble::Trouble;

/// The storage service's error document, which repeats the signed address.
pub(crate) fn link_over(address: &str) -> Answer {
    let detail = "Signature not valid in the specified time frame: Start [Sat, 03 Jan 2026 03:04:05 GMT] - Expiry \
                  [Sat, 03 Jan 2026 03:14:05 GMT]";
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed \
         to authenticate the request.</Message><AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>\
         <Resource>{}</Resource></Error>",
        address.replace('&', "&amp;")
    );
    Answer::text(403, body).header("content-type", "application/xml")
}

/// The refusals that can be ordered for [`Server::Downloads`](crate::Server::Downloads).
pub(crate) fn troubles() -> Vec<Trouble> {
    let busy = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>ServerBusy</Code></Error>";
    vec![
        Trouble::new("link-over", link_over("https://storage.example/a?sig=c2lnbmVk")),
        Trouble::new(
            "link-refused",
            Answer::text(401, "Unauthorized").header("www-authenticate", "Bearer realm=\"storage\""),
        ),
        Trouble::new(
            "link-limit",
            Answer::text(429, busy).header("content-type", "application/xml").header("retry-after", "21"),
        ),
        Trouble::new("link-gone", Answer::text(410, "Artifact has expired")),
    ]
}
