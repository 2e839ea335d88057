use super::*;

#[tokio::test]
async fn tm_s06_a_secret_file_is_read_at_each_use_and_its_last_good_value_serves_while_it_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let (reader, source) = (SecretReader::new(), SecretSource::File(path.clone()));
    let read = async || reader.read(&source).await.map(|secret| secret.expose_secret().to_owned());

    let error = read().await.unwrap_err();
    assert_eq!(error.fault(), crate::Fault::Operator);
    assert!(error.to_string().contains("secret"), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "the cause is kept");
    std::fs::write(&path, "first\r\n\n").unwrap();
    assert_eq!(read().await.unwrap(), "first");
    std::fs::write(&path, "second").unwrap();
    assert_eq!(read().await.unwrap(), "second", "rotation needs no restart");
    std::fs::write(&path, "SECOND").unwrap();
    assert_eq!(read().await.unwrap(), "SECOND", "also within one tick of the file's times");
    for broken in ["", "\n", "\u{feff}third"] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(read().await.unwrap(), "SECOND");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read().await.unwrap(), "SECOND");
    assert_eq!(reader.failures(), 5);
    std::fs::write(&path, "third").unwrap();
    assert_eq!(read().await.unwrap(), "third");
    assert_eq!(reader.clone().failures(), 5, "clones share what is known");
}

#[tokio::test]
async fn spaces_inside_and_around_belong_to_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, " a b \n").unwrap();
    let secret = SecretReader::new().read(&SecretSource::File(path)).await.unwrap();
    assert_eq!(secret.expose_secret(), " a b ");
}

#[tokio::test]
async fn an_inline_secret_that_is_empty_or_marked_is_refused() {
    for wrong in ["", "\u{feff}secret"] {
        let error = SecretReader::new().read(&SecretSource::Inline(wrong.into())).await.unwrap_err();
        assert_eq!(error.fault(), crate::Fault::Operator, "{wrong:?}");
    }
}
