//! Host names and addresses, as they stand in a URI and in a `host` key.

use std::net::Ipv6Addr;

use super::UriError;

/// One server of a URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UriHost {
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// The port, where the URI gives one.
    pub port: Option<u16>,
}

/// Reads `host[:port]` or `[v6][:port]`.
pub(super) fn parse(text: &str) -> Result<UriHost, UriError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(UriError::BadAddress)?;
            // RFC 6874 writes the `%` before a zone as `%25`.
            let address = address.replacen("%25", "%", 1);
            if !is_ipv6(&address) {
                return Err(UriError::BadAddress);
            }
            match port.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None if port.is_empty() => (address, None),
                None => return Err(UriError::BadAddress),
            }
        }
        None => match text.split_once(':') {
            // More than one colon: an address that lacks its brackets.
            Some((_, port)) if port.contains(':') => return Err(UriError::BadAddress),
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    if host.is_empty() {
        return Err(UriError::EmptyHost);
    }
    if !is_host(&host) {
        return Err(UriError::BadHost);
    }
    let port = port.filter(|port| !port.is_empty()).map(parse_port).transpose()?;
    Ok(UriHost { host, port })
}

fn parse_port(text: &str) -> Result<u16, UriError> {
    // `parse` alone would take `+1883`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or(UriError::BadPort)
}

/// Whether `text` can be a host: a name, an IPv4 address, or an IPv6 address without brackets.
pub(crate) fn is_host(text: &str) -> bool {
    let is_name = !text.is_empty() && text.chars().all(is_name_character);
    is_ipv6(text) || (is_name && !is_no_ipv4(text))
}

/// Whether `text` is written as an IPv4 address and can never be one: `999.1.1.1`, `1.2.3.4.5`. A name does not end in a number, and
/// systems read an address with fewer parts, whose last one fills the rest: `127.1`.
pub(crate) fn is_no_ipv4(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let parts: Vec<_> = text.split('.').collect();
    if !parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    let Some((last, others)) = parts.split_last() else { return false };
    let rest = u32::try_from(others.len()).map_or(0, |others| 4_u32.saturating_sub(others));
    // What begins with 0 is octal to some systems.
    let is_octal = |part: &str| part.len() > 1 && part.starts_with('0');
    let is_at_most =
        |part: &str, most: u64| is_octal(part) || part.parse::<u64>().is_ok_and(|part| part <= most);
    rest == 0 || !is_at_most(last, 256_u64.pow(rest) - 1) || !others.iter().all(|part| is_at_most(part, 255))
}

/// Letters of any script, for international names; what a resolver cannot look up it says itself.
fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || "-._~".contains(character)
}

fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    let zone_is_good = zone.is_none_or(|zone| !zone.is_empty() && zone.chars().all(is_name_character));
    zone_is_good && address.parse::<Ipv6Addr>().is_ok()
}

/// Appends a host as a URI writes it: IPv6 in brackets.
pub(crate) fn write(host: &str, out: &mut String) {
    if host.contains(':') {
        out.push('[');
        out.push_str(&host.replace('%', "%25"));
        out.push(']');
    } else {
        out.push_str(host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_address_are_no_host() {
        for wrong in ["999.1.1.1", "1.2.3.4.5", "127.0.0.256", "127..1", "256.1", "4294967296", "1.2.3.999."]
        {
            assert!(!is_host(wrong), "{wrong}");
        }
        for right in [
            "127.0.0.1",
            "127.1",
            "127.0.0.1.",
            "1.65536",
            "4294967295",
            "0377.1.1.1",
            "1.2.3.example",
            "3com",
            "0x7f.1",
        ] {
            assert!(is_host(right), "{right}");
        }
    }
}
