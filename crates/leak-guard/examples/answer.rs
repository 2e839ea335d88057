//! Scrubs an answer: headers first, then the body while it streams.
#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use leak_guard::{LeakGuard, is_encoded};

const TOKEN: &str = "gho_16C7e42F292c6912E7710c838347Ae178B4a";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let echo =
        format!(r#"{{"headers":{{"Authorization":"Bearer {TOKEN}"}},"access_token":"unknown to us"}}"#);
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("link", format!("<https://api.example.com/user?page=2&access_token={TOKEN}>; rel=\"next\""))
        .body(Full::new(Bytes::from(echo)))?;

    let (mut head, body) = answer.into_parts();
    if is_encoded(&head.headers) {
        return Err("a compressed body cannot be searched".into());
    }
    let guard = LeakGuard::new(&[TOKEN], true);
    let strip = guard.strips(&head.headers);
    println!("header values with a token: {}", guard.prepare(&mut head.headers));
    let mut places = 0;
    let clean = guard.body(body, strip, |count| places += count).collect().await?.to_bytes();
    println!("{}", String::from_utf8_lossy(&clean));
    println!("places overwritten in the body: {places}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().expect("the example works");
    }
}
