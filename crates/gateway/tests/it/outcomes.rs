//! The page about every outcome says what the code says.

use std::fmt::Write as _;
use std::path::Path;

use gateway::outcome::Code;

/// The page, made from the table in `outcome.rs`.
fn catalogue() -> String {
    let mut page = String::from(
        "# Outcomes\n\nEach call has one outcome, which is a code from a fixed list. The same code is in the header `Idp-Outcome`, in the member\n\
         `code` of a problem, in metrics and in the audit log. A problem's `type` is `urn:idp-gateway:problem:` and the code.\n\n\
         This page is made from `crates/gateway/src/outcome.rs`; a test fails if it is out of date.\n\n\
         | code | status |\n|---|---|\n",
    );
    for code in Code::ALL {
        let _ = writeln!(page, "| [`{code}`](#{code}) | {} |", status(*code));
    }
    for code in Code::ALL {
        let _ = write!(
            page,
            "\n## {code}\n\n- Status: {}.\n- Meaning: {}. {}\n- What the caller does: {}\n- Remedy: {}\n",
            status(*code),
            code.title(),
            code.meaning(),
            code.next_step(),
            code.remedy(),
        );
        if code.is_limit() {
            page.push_str("- `Retry-After` is always there, in seconds.\n");
        }
        if let Some(error) = code.proxy_error() {
            let _ = writeln!(page, "- `Proxy-Status` (RFC 9209) says `{error}`.");
        }
    }
    page
}

fn status(code: Code) -> String {
    let own = code.status().as_u16();
    match code {
        Code::Ok => "the provider's own".to_owned(),
        _ if code.keeps_provider_status() => format!("the provider's own ({own} where there is none)"),
        Code::ProviderScopeMissing | Code::ProviderRateLimited | Code::ProviderMisconfigured => {
            format!("the provider's own; {own} as a problem")
        }
        _ => own.to_string(),
    }
}

#[test]
fn the_committed_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/outcomes.md");
    let page = catalogue();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "docs/reference/outcomes.md is out of date: run this test with BLESS=1");
}

#[test]
fn every_code_says_what_to_do() {
    for code in Code::ALL {
        assert!(code.meaning().ends_with(['.', '`']), "{code}: {}", code.meaning());
        assert!(code.remedy().ends_with('.') && code.next_step().ends_with('.'), "{code}");
        if code.is_limit() {
            assert!(code.next_step().contains("Retry-After"), "{code}");
        }
    }
}
