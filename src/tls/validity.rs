//! When a certificate is valid.

use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;

use super::der::Reader;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version of a certificate, which the first has not.
const VERSION: u8 = 0xa0;

/// The time for which a certificate was issued, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Validity {
    /// That of a certificate; nothing where it is none, or has a time before 1970.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let mut signed = Reader::of(certificate).take(Reader::SEQUENCE)?.take(Reader::SEQUENCE)?;
        let _version = signed.take(VERSION);
        let _serial = signed.take(Reader::INTEGER)?;
        let _signature = signed.take(Reader::SEQUENCE)?;
        let _issuer = signed.take(Reader::SEQUENCE)?;
        let mut validity = signed.take(Reader::SEQUENCE)?;
        // The last second counts too.
        let last = Duration::from_millis(999);
        Some(Self { not_before: time(&mut validity)?, not_after: time(&mut validity)? + last })
    }

    /// What is wrong with it at this time.
    pub fn problem(&self, now: SystemTime) -> Option<String> {
        let date = |time| humantime::format_rfc3339_seconds(time);
        if now > self.not_after {
            Some(format!("expired on {}; have it renewed", date(self.not_after)))
        } else if now < self.not_before {
            Some(format!("is not valid before {}; is the clock right?", date(self.not_before)))
        } else {
            None
        }
    }
}

/// `YYMMDDhhmmssZ` until 2049, `YYYYMMDDhhmmssZ` from then on (RFC 5280 section 4.1.2.5).
fn time(validity: &mut Reader<'_>) -> Option<SystemTime> {
    let text = match validity.take(UTC_TIME) {
        Some(utc) => {
            let text = std::str::from_utf8(utc.content()).ok()?;
            let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            format!("{century}{text}")
        }
        None => std::str::from_utf8(validity.take(GENERALIZED_TIME)?.content()).ok()?.to_owned(),
    };
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let written = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    humantime::parse_rfc3339(&written).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn issued(from: i32, until: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 2, 3), date_time_ymd(until, 2, 3));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        let at = |text: &str| humantime::parse_rfc3339(text).unwrap();
        let problem = |from, until, now: &str| Validity::of(&issued(from, until)).unwrap().problem(at(now));
        assert_eq!(problem(2000, 2049, "2026-01-01T00:00:00Z"), None);
        assert_eq!(problem(2000, 4096, "2060-01-01T00:00:00Z"), None);
        let expired = "expired on 2001-02-03T00:00:00Z; have it renewed";
        assert_eq!(problem(1999, 2001, "2001-02-03T00:00:01Z").as_deref(), Some(expired));
        assert_eq!(problem(1999, 2001, "2001-02-03T00:00:00Z"), None);
        let early = "is not valid before 2050-02-03T00:00:00Z; is the clock right?";
        assert_eq!(problem(2050, 2051, "2026-01-01T00:00:00Z").as_deref(), Some(early));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Validity::of(&CertificateDer::from(bytes));
        }

        /// One that was cut, or of which a byte was changed, is another or none.
        #[test]
        fn a_damaged_certificate_is_read_without_a_panic(at in 0_usize..400, byte in any::<u8>(), keep in 0_usize..400) {
            let mut der = issued(2000, 4096).to_vec();
            if let Some(place) = der.get_mut(at) { *place = byte }
            der.truncate(der.len().min(keep + 1));
            let _ = Validity::of(&CertificateDer::from(der)).map(|one| one.problem(SystemTime::now()));
        }
    }
}
