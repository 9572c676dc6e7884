//! Paths of Unix sockets, which have less room than those of files.

use std::path::Path;

/// The longest path of a Unix socket, in bytes.
const LONGEST: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

/// Why no Unix socket can have this path, whatever the file system says; as the rest of a sentence that begins with the path.
/// `spare` is how many bytes longer it gets for a moment.
pub(crate) fn unusable_socket_path(path: &Path, spare: usize) -> Option<String> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.contains(&0) {
        return Some("has the character U+0000, which no path can have".to_owned());
    }
    let (length, most) = (bytes.len(), LONGEST - spare.min(LONGEST));
    let problem = || format!("has {length} bytes, where that of a Unix socket has at most {most}");
    (length > most).then(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_neither_too_long_nor_has_it_nul() {
        let problem = |path: &str, spare| unusable_socket_path(Path::new(path), spare);
        assert_eq!(problem("/run/app.sock", 11), None);
        let long = format!("/{}", "x".repeat(LONGEST - 1));
        assert_eq!(problem(&long, 0), None);
        let found = problem(&long, 3).unwrap();
        assert!(found.starts_with(&format!("has {LONGEST} bytes, where")), "{found}");
        assert!(problem("/a\0b", 0).unwrap().contains("U+0000"));
    }

    #[cfg(unix)]
    #[test]
    fn the_longest_path_can_be_bound() {
        let folder = tempfile::tempdir().unwrap();
        let room = LONGEST - folder.path().as_os_str().len() - 1;
        let path = folder.path().join("x".repeat(room));
        assert_eq!(unusable_socket_path(&path, 0), None);
        std::os::unix::net::UnixListener::bind(&path).unwrap();
        let longer = folder.path().join("x".repeat(room + 1));
        assert!(unusable_socket_path(&longer, 0).is_some());
        assert!(std::os::unix::net::UnixListener::bind(&longer).is_err());
    }
}
