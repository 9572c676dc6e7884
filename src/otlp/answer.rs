//! What a collector answers.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};

use super::protobuf::{Field, fields};
use crate::http_client::Reply;

/// The longest wait that a collector may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// What became of a request that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The collector has taken it, but for so many records.
    Taken { rejected: u64 },
    /// The collector takes nothing now; it may say how long to wait.
    Later { status: StatusCode, wait: Option<Duration> },
    /// The collector will never take it.
    Refused { status: StatusCode },
}

impl Answer {
    /// What a reply means. Of the body of a refusal nothing is taken: it may hold what was sent.
    pub fn of(reply: &Reply) -> Self {
        let status = reply.status;
        match status.is_success() {
            true => Self::Taken { rejected: rejected(&reply.body) },
            false if reply.is_temporary() => {
                Self::Later { status, wait: retry_after(&reply.headers, SystemTime::now()) }
            }
            false => Self::Refused { status },
        }
    }
}

/// How many records a collector did not take of those that it was sent. A body that cannot be read says nothing.
fn rejected(body: &[u8]) -> u64 {
    let partial = fields(body).find_map(|(number, field)| match (number, field) {
        (1, Field::Bytes(partial)) => Some(partial),
        _ => None,
    });
    let count = fields(partial.unwrap_or_default()).find_map(|(number, field)| match (number, field) {
        (1, Field::Number(count)) => Some(count),
        _ => None,
    });
    // A negative number is none.
    count.filter(|count| count.cast_signed() >= 0).unwrap_or_default()
}

/// How long a collector asks to wait: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse().map(Duration::from_secs) {
        Ok(wait) => wait,
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 5);
        let wait = |value: &'static str| {
            retry_after(&[(RETRY_AFTER, HeaderValue::from_static(value))].into_iter().collect(), now)
        };
        assert_eq!(wait("2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(5)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("999999999999"), Some(LONGEST_WAIT));
        for bad in ["", "-1", "soon", "1.5"] {
            assert_eq!(wait(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_status_says_what_to_do() {
        let of = |status: u16, body: &[u8]| {
            Answer::of(&Reply::new(StatusCode::from_u16(status).unwrap(), HeaderMap::new(), body.to_vec()))
        };
        assert_eq!(of(200, b""), Answer::Taken { rejected: 0 });
        assert_eq!(of(202, b"<html>"), Answer::Taken { rejected: 0 });
        assert_eq!(of(200, b"\x0a\x02\x08\x07"), Answer::Taken { rejected: 7 });
        assert_eq!(
            of(200, b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            Answer::Taken { rejected: 0 }
        );
        for later in [429, 502, 503, 504] {
            assert!(matches!(of(later, b"canary"), Answer::Later { wait: None, .. }), "{later}");
        }
        for never in [301, 400, 401, 404, 413, 500, 501] {
            assert!(matches!(of(never, b"canary"), Answer::Refused { .. }), "{never}");
        }
    }
}
