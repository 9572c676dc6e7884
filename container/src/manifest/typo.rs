//! Typing errors in names that an operator chooses, where another name is just as good.

/// Whether a name is most likely meant for another one: it has one letter too many, too few or another one, or two of them swapped. Names
/// that are numbered, plurals, and short words of which a letter is another one are different on purpose.
pub(super) fn is_typo(name: &str, meant: &str) -> bool {
    let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let (plain_name, plain_meant) = (plain(name), plain(meant));
    if plain_name == plain_meant {
        return true;
    }
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    let is_plural = |one: &str, other: &str| one.strip_suffix('s') == Some(other);
    if digits(name) != digits(meant)
        || is_plural(&plain_name, &plain_meant)
        || is_plural(&plain_meant, &plain_name)
    {
        return false;
    }
    // One letter in place of another makes a word of most short words.
    let is_substituted = strsim::hamming(&plain_name, &plain_meant) == Ok(1);
    let least = if is_substituted { 6 } else { 4 };
    plain_name.len().min(plain_meant.len()) >= least && strsim::osa_distance(&plain_name, &plain_meant) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_told_from_another_name() {
        for (name, meant) in [
            ("order", "oder"),
            ("alarms-in", "alarms_in"),
            ("recieved", "received"),
            ("telemtry", "telemetry"),
            ("LOG_LEVL", "LOG_LEVEL"),
            ("mqtt_host", "MQTT_HOST"),
        ] {
            assert!(is_typo(name, meant) && is_typo(meant, name), "{name} {meant}");
        }
        for (name, meant) in [
            ("site1", "site2"),
            ("site", "site1"),
            ("site1", "site12"),
            ("orders", "order"),
            ("left", "lift"),
            ("in", "on"),
            ("source", "target"),
            ("MQTT_HOST", "MQTT_PORT"),
        ] {
            assert!(!is_typo(name, meant) && !is_typo(meant, name), "{name} {meant}");
        }
    }
}
