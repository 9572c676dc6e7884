//! What an argument without an option is: the manifest, or something else.

use std::ffi::OsStr;
use std::path::Path;

/// Whether an argument names a manifest: a file that is there, `-`, or a name as files have and components have not.
pub(super) fn is_manifest(argument: &OsStr) -> bool {
    let text = argument.to_string_lossy();
    let is_path = text.contains(['/', '\\']) && !text.contains(':');
    text == "-" || is_path || text.to_lowercase().ends_with(".toml") || Path::new(argument).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_look_like_files() {
        for (text, is) in [
            ("service.toml", true),
            ("config/", true),
            ("./x", true),
            ("-", true),
            ("Cargo.toml", true),
            ("connection:mqtt", false),
            ("mqtt", false),
            ("acme:a/b:c:d:1.0", false),
            ("WRONG_TYPE", false),
        ] {
            assert_eq!(is_manifest(OsStr::new(text)), is, "{text}");
        }
    }
}
