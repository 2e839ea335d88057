//! Each way of paging: to its end, over empty pages, with everything that must be repeated.

use idp_adapters::client::{Bitbucket, Cursor, Facebook, Google, Microsoft};
use secrecy::SecretString;

use crate::{
    TOKEN,
    server::{Seen, Server, reply},
    token,
};

fn origin(seen: &Seen) -> String {
    format!("http://{}", seen.header("host").unwrap())
}

#[tokio::test]
async fn tokens_are_repeated_beside_all_other_parameters() {
    let server = Server::start(|seen| match seen.param("pageToken").as_deref() {
        None => reply(200, r#"{"items":[{"id":"a"},{"id":"b"}],"nextPageToken":"two/+ ="}"#),
        Some("two/+ =") => reply(200, r#"{"nextPageToken":"three"}"#),
        Some("three") => reply(200, r#"{"items":[{"id":"c"}],"nextPageToken":null,"nextSyncToken":"s"}"#),
        Some(other) => panic!("{other}"),
    })
    .await;
    let google = Google::builder(token()).base_url(server.url.clone()).build().unwrap();
    let events = google.events("primary").page_size(2).param("singleEvents", true);
    let all = events.clone().all(usize::MAX).await.unwrap();
    assert_eq!(all.iter().map(|event| event.id.as_str()).collect::<String>(), "abc");
    for seen in server.seen() {
        assert_eq!(seen.path(), "/calendar/v3/calendars/primary/events");
        assert_eq!(seen.param("maxResults").as_deref(), Some("2"));
        assert_eq!(seen.param("singleEvents").as_deref(), Some("true"));
    }
    let last = events.after(Cursor::new("three")).page().await.unwrap();
    assert_eq!((last.items.len(), last.next), (1, None));
}

#[tokio::test]
async fn next_urls_of_bitbucket_are_followed_as_they_are() {
    let server = Server::start(|seen| {
        let next = format!("{}/2.0/repositories/acme?page=opaque%2Btwo&pagelen=1", origin(seen));
        match seen.param("page").as_deref() {
            None => reply(200, format!(r#"{{"values":[{{"full_name":"acme/a"}}],"next":"{next}"}}"#)),
            Some("opaque+two") => reply(200, r#"{"values":[{"full_name":"acme/b"}],"previous":"x"}"#),
            Some(other) => panic!("{other}"),
        }
    })
    .await;
    let bitbucket = Bitbucket::builder(token()).base_url(server.url.clone()).build().unwrap();
    let all = bitbucket.repositories("acme").page_size(1).all(10).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(server.seen()[1].target, "/2.0/repositories/acme?page=opaque%2Btwo&pagelen=1");
}

#[tokio::test]
async fn links_of_facebook_lose_the_token_and_gain_a_proof() {
    let server = Server::start(|seen| {
        let next = format!(
            "{}/v22.0/me/photos?access_token=EAAold&limit=1&after=Mg&appsecret_proof=00ff",
            origin(seen)
        );
        match seen.param("after") {
            None => reply(200, format!(r#"{{"data":[{{"id":"1"}}],"paging":{{"next":"{next}"}}}}"#)),
            Some(_) => reply(200, r#"{"data":[],"paging":{"cursors":{"before":"a","after":"b"}}}"#),
        }
    })
    .await;
    let facebook = Facebook::builder(token())
        .base_url(server.url.clone())
        .app_secret(SecretString::from("app-secret"))
        .build()
        .unwrap();
    let first = facebook.photos().page().await.unwrap();
    let cursor = first.next.unwrap();
    assert!(!cursor.as_str().contains("access_token") && !cursor.as_str().contains("appsecret_proof"));
    let last = facebook.photos().after(cursor).page().await.unwrap();
    assert!(last.items.is_empty() && last.next.is_none());
    // A cursor that came back with them has them taken out as well.
    let forged = format!("{}v22.0/me/photos?after=Mg&access_token=EAAother", server.url);
    facebook.photos().after(Cursor::new(forged)).page().await.unwrap();
    for seen in server.seen() {
        assert!(!seen.target.contains("access_token"), "{}", seen.target);
        let proofs: Vec<_> = seen.query().into_iter().filter(|(name, _)| name == "appsecret_proof").collect();
        assert_eq!(proofs.len(), 1);
        assert_eq!(proofs[0].1.len(), 64);
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    }
}

#[tokio::test]
async fn the_version_of_facebook_can_be_chosen() {
    let server = Server::saying(reply(200, r#"{"data":[]}"#)).await;
    let facebook = Facebook::builder(token()).base_url(server.url.clone()).version("v25.0").build().unwrap();
    assert!(facebook.permissions().page().await.unwrap().items.is_empty());
    assert_eq!(server.only().target, "/v25.0/me/permissions");
}

#[tokio::test]
async fn next_links_of_graph_are_followed_as_they_are_over_empty_pages() {
    let server = Server::start(|seen| {
        let next = |page: u32| format!("{}/v1.0/me/messages?$select=id&$skiptoken=X%27{page}", origin(seen));
        let page = |items: &str, next: String| {
            reply(200, format!(r#"{{"value":[{items}],"@odata.nextLink":"{next}"}}"#))
        };
        match seen.param("$skiptoken").as_deref() {
            None => page(r#"{"id":"a"}"#, next(2)),
            Some("X'2") => page("", next(3)),
            Some("X'3") => reply(200, r#"{"value":[{"id":"b"}],"@odata.nextLink":null}"#),
            Some(other) => panic!("{other}"),
        }
    })
    .await;
    let microsoft = Microsoft::builder(token()).base_url(server.url.clone()).build().unwrap();
    let all = microsoft.messages().param("$select", "id").all(10).await.unwrap();
    assert_eq!(all.iter().map(|message| message.id.as_str()).collect::<String>(), "ab");
    assert_eq!(server.seen()[1].target, "/v1.0/me/messages?$select=id&$skiptoken=X%272");
}

#[tokio::test]
async fn a_denied_path_is_no_next_page() {
    for path in ["/v1.0/$batch", "/V1.0/%24batch"] {
        let server = Server::start(move |seen| {
            let next = format!("{}{path}", origin(seen));
            reply(200, format!(r#"{{"value":[],"@odata.nextLink":"{next}"}}"#))
        })
        .await;
        let microsoft = Microsoft::builder(token()).base_url(server.url.clone()).build().unwrap();
        microsoft.messages().page().await.unwrap_err();
    }
}

#[tokio::test]
async fn hosts_of_google_can_go_to_places_of_their_own() {
    let (apis, people) = (Server::saying(reply(200, "{}")).await, Server::saying(reply(200, "{}")).await);
    let google = Google::builder(token())
        .base_url(apis.url.clone())
        .upstream("People.googleapis.com", people.url.join("people/").unwrap())
        .upstream("openidconnect.googleapis.com", people.url.clone())
        .build()
        .unwrap();
    google.calendars().page().await.unwrap();
    google.contacts().page().await.unwrap();
    google.profile().await.unwrap_err();
    assert!(apis.only().target.starts_with("/calendar/v3/"));
    let seen = people.seen();
    assert!(seen[0].target.starts_with("/people/v1/people/me/connections?"));
    assert_eq!(seen[1].target, "/v1/userinfo");
    let plain = url::Url::parse("http://mirror.example.test").unwrap();
    assert!(Google::builder(token()).upstream("people.googleapis.com", plain).build().is_err());
}
