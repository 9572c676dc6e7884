//! Who else can get at a file that keeps a secret.

use std::fs::Metadata;
use std::path::Path;

/// What others may do with a file, though it keeps a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exposure {
    /// Its group or everybody can write it.
    Write,
    /// Everybody can read it, outside a read-only mount.
    Read,
}

impl Exposure {
    /// The rest of a sentence that begins with the file: what others may do, and how to take that away.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Write => "can be written by others; end that with `chmod g-w,o=`",
            Self::Read => "can be read by others; end that with `chmod o=`",
        }
    }
}

impl std::fmt::Display for Exposure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Write => "written",
            Self::Read => "read",
        })
    }
}

/// What others may do with the file, by its permission bits. Secrets that a container platform mounts are often
/// readable by all, but their mount is read-only, and nobody else is in the container.
#[cfg(unix)]
pub(super) fn exposure(path: &Path, metadata: &Metadata) -> Option<Exposure> {
    // Its group may read it: that is how a service shares a key. Who may write it decides who is believed.
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode();
    if mode & 0o022 != 0 {
        return Some(Exposure::Write);
    }
    (mode & 0o004 != 0 && !is_on_read_only_mount(path)).then_some(Exposure::Read)
}

/// Permission bits are a Unix matter; elsewhere nothing is checked.
#[cfg(not(unix))]
pub(super) fn exposure(_: &Path, _: &Metadata) -> Option<Exposure> {
    None
}

/// By the list of mounts that Linux keeps; elsewhere no mount counts as read-only.
#[cfg(unix)]
fn is_on_read_only_mount(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) = (path.canonicalize(), std::fs::read_to_string("/proc/self/mountinfo"))
    else {
        return false;
    };
    is_read_only(&path, &mounts)
}

/// Whether the mount that holds `path` is read-only; `mounts` has the form of `/proc/self/mountinfo`.
#[cfg(unix)]
fn is_read_only(path: &Path, mounts: &str) -> bool {
    // 36 35 98:0 /root /mount/point ro,noatime shared:1 - ext4 /dev/sda rw
    let of_line = |line: &str| -> Option<(std::path::PathBuf, bool)> {
        let mut fields = line.split(' ').skip(4);
        let point = unescape(fields.next()?);
        Some((point.into(), fields.next()?.split(',').any(|option| option == "ro")))
    };
    let holding = mounts.lines().filter_map(of_line).filter(|(point, _)| path.starts_with(point));
    // Of two at one place the later hides the earlier: `max_by_key` returns the last of equals.
    holding.max_by_key(|(point, _)| point.components().count()).is_some_and(|(_, read_only)| read_only)
}

/// Replaces the octal escapes in which the list writes blanks and backslashes.
#[cfg(unix)]
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escape, character)| text.replace(escape, character))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn innermost_and_last_mount_decides() {
        let mounts = "\
1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 0:1 / /run rw - tmpfs tmpfs rw
3 2 0:2 / /run/secrets ro,relatime - tmpfs tmpfs rw
4 2 0:3 / /run/my\\040secrets ro - tmpfs tmpfs rw
5 1 0:4 / /mnt ro - tmpfs tmpfs ro
6 1 0:5 / /mnt rw - tmpfs tmpfs rw
broken line";
        for (path, read_only) in [
            ("/etc/x", false),
            ("/run/x", false),
            ("/run/secrets/mqtt/password", true),
            ("/run/secrets2/x", false),
            ("/run/my secrets/x", true),
            ("/mnt/x", false),
        ] {
            assert_eq!(is_read_only(Path::new(path), mounts), read_only, "{path}");
        }
    }
}
