//! Fuzz bodies for URIs: what is read can be written and read again, and no secret of one shows.

use wirework::config::{mask_uri, mask_user_info};
use wirework::connect::Uri;

const CANARY: &str = "Kn4ry-W0rd_Qx7z";

/// Any text as a URI.
pub fn read(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let uri: Uri = match text.parse() {
        Ok(uri) => uri,
        Err(error) => {
            // It carries nothing of the text, which `mask` proves.
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(uri.expose(), text);
    let parts = uri.parts().clone();
    let composed = Uri::compose(parts.clone()).expect("what was read can be written");
    assert_eq!(*composed.parts(), parts);
    let again: Uri = composed.expose().parse().expect("what was written can be read");
    assert_eq!(again, composed, "written twice it is the same");
    assert_eq!(again.masked(), uri.masked());
}

/// A URI with a canary for user name, password and a parameter, and any text around them.
pub fn mask(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let at = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (one, other) = text.split_at(at);
    let host = other.replace('@', "");
    for begin in ["mqtt://", "//", "mqtt:", "", " ws://", one] {
        let user = format!("{begin}{CANARY}:{one}{CANARY}{other}@{host}");
        assert!(!mask_user_info(&user).contains(CANARY), "{user:?} is shown as {:?}", mask_user_info(&user));
        assert!(!mask_uri(&user).contains(CANARY), "{user:?} is shown as {:?}", mask_uri(&user));
        assert_eq!(mask_uri(&mask_uri(&user)), mask_uri(&user));
    }
    let query = format!("ws://{}?{one}{CANARY}{other}", host.replace(['?', '#'], ""));
    assert!(!mask_uri(&query).contains(CANARY), "{query:?} is shown as {:?}", mask_uri(&query));
    let uris = [
        format!("mqtt://ann:{CANARY}@h{text}"),
        format!("mqtt://{CANARY}:x@h{text}"),
        format!("mqtt://ann:{}{CANARY}@h", text.replace(['/', '?'], "")),
        format!("mqtt://h/p?a={CANARY}&{text}"),
        format!("mqtt://h/p?{CANARY}"),
    ];
    for text in uris {
        let shown = match text.parse::<Uri>() {
            Ok(uri) => format!("{uri} {uri:?} {:?} {}", uri.parts(), uri.masked()),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains(CANARY), "{text:?} is shown as {shown:?}");
    }
}
