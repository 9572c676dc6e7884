//! Times and sizes with units as people write them, and how a configuration has them.

use super::Millis;

/// The units of times by their names, each with the one that a configuration knows, in milliseconds.
const TIMES: [(&[&str], u64); 5] = [
    (&["ms", "msec", "msecs", "millis", "millisecond", "milliseconds"], 1),
    (&["s", "sec", "secs", "second", "seconds"], 1000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
];

/// The units of sizes by their names, in bytes; of those of `kB` and the like both meanings.
const SIZES: [(&[&str], u64, u64); 4] = [
    (&["b", "byte", "bytes"], 1, 1),
    (&["k", "kb", "kib"], 1000, 1 << 10),
    (&["m", "mb", "mib"], 1_000_000, 1 << 20),
    (&["g", "gb", "gib"], 1_000_000_000, 1 << 30),
];

/// How a time is to be written that was written otherwise, such as `10 seconds`.
pub(super) fn time_help(text: &str) -> Option<String> {
    let (number, unit) = parts(text.trim().trim_start_matches("PT"))?;
    let (_, unit) = TIMES.iter().find(|(names, _)| names.contains(&&*unit))?;
    let milliseconds = whole(number * precise(*unit)?)?;
    Some(format!("write `\"{}\"`", Millis::new(milliseconds)))
}

/// How a size in bytes is to be written that was written with a unit, such as `100MB`.
pub(super) fn size_help(text: &str) -> Option<String> {
    let (number, unit) = parts(text)?;
    let (_, decimal, binary) = SIZES.iter().find(|(names, ..)| names.contains(&&*unit))?;
    let [decimal, binary] = [*decimal, *binary].map(|unit| whole(number * precise(unit)?));
    let (decimal, binary) = (decimal?, binary?);
    Some(match decimal == binary || unit.ends_with("ib") {
        true => format!("it takes a number without a unit: write `{binary}`"),
        false => format!(
            "it takes a number without a unit: write `{binary}`, or `{decimal}` where a thousand is meant"
        ),
    })
}

/// The number and the unit of a text, in lower case; blanks between them do not count.
fn parts(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim().to_lowercase()))
}

/// A unit as a number that has fractions.
fn precise(unit: u64) -> Option<f64> {
    u32::try_from(unit).ok().map(f64::from)
}

/// A number without its fraction, where it is not beyond what anybody means.
fn whole(number: f64) -> Option<u64> {
    let digits = format!("{number:.0}");
    digits.parse().ok().filter(|whole| *whole > 0 && digits.len() < 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_written_as_it_is_read() {
        for (text, expected) in [
            ("10 seconds", Some("write `\"10s\"`")),
            ("5 min", Some("write `\"5m\"`")),
            ("30 s", Some("write `\"30s\"`")),
            ("1.5s", Some("write `\"1s500ms\"`")),
            ("2 Hours", Some("write `\"2h\"`")),
            ("PT30S", Some("write `\"30s\"`")),
            ("3 days", Some("write `\"72h\"`")),
            ("0s", None),
            ("soon", None),
            ("10 parsecs", None),
            ("1.2.3s", None),
            ("99999999999999999999 days", None),
            ("", None),
        ] {
            assert_eq!(time_help(text).as_deref(), expected, "{text}");
        }
        let size = |text| size_help(text).unwrap_or_default();
        assert!(size("100MB").ends_with("write `104857600`, or `100000000` where a thousand is meant"));
        assert!(size("64 KiB").ends_with("write `65536`"));
        assert!(size("10 bytes").ends_with("write `10`"));
        assert_eq!((size("10 items"), size("many")), (String::new(), String::new()));
    }
}
