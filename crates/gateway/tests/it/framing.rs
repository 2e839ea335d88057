//! What the provider is told about the length of a body.

use reqwest::Method;

use crate::harness::{BEN, Rig};
use crate::raw_provider::RawProvider;

/// Google's front ends answer 411 to a POST that says nothing of its length.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_could_have_a_body_says_that_it_has_none() {
    let provider = RawProvider::start().await;
    let extra = format!("[providers.google]\nbase_url = \"http://{}\"\naccess = \"full\"\n", provider.addr);
    let rig = Rig::start(&extra).await;
    for (method, told) in [
        (Method::POST, vec!["0"]),
        (Method::PUT, vec!["0"]),
        (Method::PATCH, vec!["0"]),
        (Method::GET, vec![]),
        (Method::DELETE, vec![]),
    ] {
        let call = rig.request(method.clone(), "/proxy/google/gmail/v1/users/me/messages/1/trash", BEN);
        assert_eq!(rig.send(call).await.status, 200, "{method}");
        let [sent] = provider.take().try_into().unwrap();
        assert_eq!(sent.fields("content-length"), told, "{method}");
        assert!(sent.fields("transfer-encoding").is_empty(), "{method}");
    }
    let call = rig.request(Method::POST, "/proxy/google/gmail/v1/users/me/messages/send", BEN).body("abc");
    assert_eq!(rig.send(call).await.status, 200);
    let [sent] = provider.take().try_into().unwrap();
    assert_eq!((sent.fields("content-length"), sent.body.as_slice()), (vec!["3"], b"abc".as_slice()));
    rig.finish();
}
