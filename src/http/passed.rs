//! Sockets with which the process was started: socket activation of systemd, `LISTEN_FDS`.
//!
//! They are taken once for the whole process, and stay open until it ends: what connects while the endpoint is closed waits in their
//! queue, as it does while the process is started anew.

use std::io;

/// Behind this stands which of the sockets is meant.
const PREFIX: &str = "fd:";

/// Which of the sockets a host means: its name or its number. Nothing for a host that is one.
pub(super) fn passed(host: &str) -> Option<&str> {
    // `fd::1` is an address of IPv6.
    let which = host.trim().strip_prefix(PREFIX)?;
    host.trim().parse::<std::net::Ipv6Addr>().is_err().then_some(which)
}

/// Why there is no such socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassedSocketError {
    /// The process has not been given any.
    #[error(
        "this process was started without sockets (`LISTEN_FDS` is not set); have a socket unit of systemd start it, or write an address"
    )]
    None,
    /// They were meant for another process.
    #[error(
        "the sockets are for the process {meant} (`LISTEN_PID`), and this is {own}; have systemd start this one itself"
    )]
    OfAnotherProcess {
        /// For which.
        meant: String,
        /// This process.
        own: u32,
    },
    /// `LISTEN_FDS` is no number.
    #[error("`LISTEN_FDS` is no number of sockets")]
    NoNumber,
    /// There are sockets, but not this one.
    #[error("there is no such socket; there are {found}")]
    NoSuch {
        /// Those that there are.
        found: String,
    },
    /// Several have this name.
    #[error(
        "{count} sockets have this name; give one by its number, or each a `FileDescriptorName` of its own"
    )]
    Several {
        /// How many.
        count: usize,
    },
    /// It is no TCP or Unix socket for streams, or cannot be used.
    #[error("it is no socket on which a stream can be accepted (`ListenStream`)")]
    Unusable(#[source] io::Error),
}

#[cfg(unix)]
pub(super) use unix::{PassedSocket, take};

#[cfg(unix)]
mod unix {
    use std::io;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::sync::{Mutex, OnceLock, PoisonError};

    use listenfd::ListenFd;

    use super::PassedSocketError;

    /// The number of the first one.
    const FIRST: usize = 3;

    /// A socket on which the system already listens.
    pub(in super::super) enum PassedSocket {
        Tcp(TcpListener),
        Unix(UnixListener),
    }

    impl PassedSocket {
        fn try_clone(&self) -> io::Result<Self> {
            Ok(match self {
                Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
                Self::Unix(listener) => Self::Unix(listener.try_clone()?),
            })
        }
    }

    /// The socket of a name or a number.
    pub(in super::super) fn take(which: &str) -> Result<PassedSocket, PassedSocketError> {
        let sockets = sockets().as_ref().map_err(Missing::error)?;
        let index = sockets.index(which)?;
        let mut taken = sockets.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.socket(index).map_err(PassedSocketError::Unusable)
    }

    /// Why there are none.
    enum Missing {
        None,
        OfAnotherProcess(String),
        NoNumber,
    }

    impl Missing {
        fn error(&self) -> PassedSocketError {
            match self {
                Self::None => PassedSocketError::None,
                Self::OfAnotherProcess(meant) => {
                    PassedSocketError::OfAnotherProcess { meant: meant.clone(), own: std::process::id() }
                }
                Self::NoNumber => PassedSocketError::NoNumber,
            }
        }
    }

    struct Sockets {
        names: Names,
        taken: Mutex<Taken>,
    }

    /// Of each socket its name, in order.
    #[derive(Debug, PartialEq, Eq)]
    struct Names(Vec<String>);

    struct Taken {
        source: ListenFd,
        /// Those that were asked for.
        sockets: Vec<Option<PassedSocket>>,
    }

    impl Taken {
        fn socket(&mut self, index: usize) -> io::Result<PassedSocket> {
            let Self { source, sockets } = self;
            let gone = || io::Error::other("it was taken by another part of this program");
            let place = sockets.get_mut(index).ok_or_else(gone)?;
            if let Some(socket) = place {
                return socket.try_clone();
            }
            let socket = match source.take_tcp_listener(index) {
                Ok(listener) => PassedSocket::Tcp(listener.ok_or_else(gone)?),
                Err(_) => PassedSocket::Unix(source.take_unix_listener(index)?.ok_or_else(gone)?),
            };
            place.insert(socket).try_clone()
        }
    }

    impl Sockets {
        fn index(&self, which: &str) -> Result<usize, PassedSocketError> {
            self.names.index(which)
        }
    }

    impl Names {
        /// Of so many sockets, by the text of `LISTEN_FDNAMES`.
        fn of(count: usize, names: &str) -> Self {
            let names = names.split(':').map(str::to_owned).chain(std::iter::repeat(String::new()));
            Self(names.take(count).collect())
        }

        fn index(&self, which: &str) -> Result<usize, PassedSocketError> {
            let Self(names) = self;
            let found = || {
                let numbered = names.iter().zip(FIRST..).map(|(name, number)| match name.as_str() {
                    "" => format!("fd:{number}"),
                    name => format!("fd:{number} (`{}`)", crate::text::clip(name)),
                });
                PassedSocketError::NoSuch { found: numbered.collect::<Vec<_>>().join(", ") }
            };
            if let Ok(number) = which.parse::<usize>() {
                let index = number.checked_sub(FIRST).filter(|index| *index < names.len());
                return index.ok_or_else(found);
            }
            let mut named = names.iter().enumerate().filter(|(_, name)| *name == which);
            let (index, _) = named.next().ok_or_else(found)?;
            match named.count() {
                0 => Ok(index),
                more => Err(PassedSocketError::Several { count: more + 1 }),
            }
        }
    }

    /// Those of this process, which are taken out of its environment, so that its children do not take them for theirs.
    fn sockets() -> &'static Result<Sockets, Missing> {
        static SOCKETS: OnceLock<Result<Sockets, Missing>> = OnceLock::new();
        SOCKETS.get_or_init(|| {
            let variable = |name| std::env::var(name).unwrap_or_default();
            let (count, pid) = (variable("LISTEN_FDS"), variable("LISTEN_PID"));
            let names = variable("LISTEN_FDNAMES");
            if count.is_empty() {
                return Err(Missing::None);
            }
            if !pid.is_empty() && pid != std::process::id().to_string() {
                return Err(Missing::OfAnotherProcess(crate::text::clip(&pid).into_owned()));
            }
            // Far more than systemd passes.
            let count =
                count.parse::<usize>().ok().filter(|count| *count <= 1_024).ok_or(Missing::NoNumber)?;
            let source = ListenFd::from_env();
            let sockets = (0..source.len().min(count)).map(|_| None).collect();
            let names = Names::of(count, &names);
            Ok(Sockets { names, taken: Mutex::new(Taken { source, sockets }) })
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn index(names: &Names, which: &str) -> Result<usize, String> {
            names.index(which).map_err(|error| error.to_string())
        }

        #[test]
        fn a_socket_is_found_by_its_name_or_its_number() {
            let names = Names::of(4, "http:admin:http");
            assert_eq!(
                (index(&names, "admin"), index(&names, "4"), index(&names, "6")),
                (Ok(1), Ok(1), Ok(3))
            );
            let found =
                "there is no such socket; there are fd:3 (`http`), fd:4 (`admin`), fd:5 (`http`), fd:6";
            for which in ["2", "7", "https", "99999999999999999999"] {
                assert_eq!(index(&names, which), Err(found.to_owned()), "{which}");
            }
            assert!(index(&names, "http").unwrap_err().starts_with("2 sockets have this name"));
            assert_eq!(Names::of(1, "a:b"), Names(vec!["a".to_owned()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_passed_socket() {
        let hosts = ["fd:http", " fd:3 ", "fd:", "fd::1", "fd00::1", "fd.example", "localhost"];
        let found = [Some("http"), Some("3"), Some(""), None, None, None, None];
        assert_eq!(hosts.map(passed), found);
    }
}
