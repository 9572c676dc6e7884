//! Errors, their causes and their keys.

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("link to `{0}` is down")]
struct Down(&'static str, #[source] std::io::Error);

impl Coded for Down {
    fn category(&self) -> Category {
        Category::NoResponse
    }
    fn code(&self) -> &'static str {
        "CONNECT_FAILED"
    }
    fn keys(&self) -> Vec<Cow<'static, str>> {
        vec!["connection.host".into()]
    }
}

#[test]
fn wrapping_loses_nothing() {
    let error =
        Error::from(Down("h:1", std::io::Error::other("refused"))).context("cannot open `a:b:c:d:1.0`");
    assert_eq!(error.chain(), "cannot open `a:b:c:d:1.0`: link to `h:1` is down: refused");
    assert_eq!((error.category(), error.code()), (Category::NoResponse, "CONNECT_FAILED"));
    assert_eq!(error.downcast_ref::<Down>().map(|down| down.0), Some("h:1"));
    assert!(error.downcast_ref::<std::io::Error>().is_some());
}

#[test]
fn sharing_loses_nothing() {
    let shared = Arc::new(Error::from(Down("h:1", std::io::Error::other("refused"))).with_detail("a", 1));
    let error = Error::from(Arc::clone(&shared));
    assert_eq!((error.chain(), error.code()), (shared.chain(), "CONNECT_FAILED"));
    assert_eq!(error.downcast_ref::<Down>().map(|down| down.0), Some("h:1"));
    assert!(error.details().eq(shared.details()));
}

#[test]
fn context_makes_an_error_of_any_and_keeps_the_code_of_ours() {
    let foreign: Result<(), _> = Err(std::io::Error::other("refused"));
    let error = foreign.context("reading the roll").unwrap_err();
    assert_eq!((error.code(), error.chain()), ("UNKNOWN", "reading the roll: refused".to_owned()));
    assert!(error.downcast_ref::<std::io::Error>().is_some());
    let text: Result<(), _> = Err("nobody is there");
    assert_eq!(text.context("calling").unwrap_err().chain(), "calling: nobody is there");

    let down = || Error::from(Down("h:1", std::io::Error::other("refused")));
    let ours: [Result<(), Error>; 2] =
        [Err(down()).context("opening"), Err(Arc::new(down())).with_context(|| "opening".to_owned())];
    for error in ours.map(Result::unwrap_err) {
        assert_eq!((error.code(), error.category()), ("CONNECT_FAILED", Category::NoResponse));
        assert_eq!(error.chain(), "opening: link to `h:1` is down: refused");
        assert!(error.downcast_ref::<Down>().is_some());
    }
}

#[test]
fn the_keys_of_all_causes_are_found_each_once() {
    let down = || Error::from(Down("h:1", std::io::Error::other("refused")));
    let outer = Error::new(Category::Conflict, "X", "x").with_key("a").with_source(down().with_key("a"));
    assert_eq!(outer.keys(), ["a", "connection.host"]);
    assert_eq!(Error::from(Arc::new(outer)).context("opening").keys(), ["a", "connection.host"]);
    assert!(Error::new(Category::Conflict, "X", "on `a`").keys().is_empty());
}

#[test]
fn details_keep_their_order() {
    let error =
        Error::new(Category::Conflict, "LOCK_TIMEOUT", "locked").with_detail("b", 1).with_detail("a", 2);
    assert_eq!(error.details().collect::<Vec<_>>(), [("b", "1"), ("a", "2")]);
    assert_eq!(error.category().status(), 409);
}
