//! The formats in which metrics are written, and which of them a client takes; and whether it takes them compressed.

/// A format of metrics as text.
///
/// ```
/// use wirework::prometheus::TextFormat;
/// let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
/// assert_eq!(TextFormat::accepted(prometheus), TextFormat::OpenMetrics);
/// assert_eq!(TextFormat::accepted("text/html,*/*;q=0.8"), TextFormat::Text);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextFormat {
    /// The text format 0.0.4 of Prometheus.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl TextFormat {
    /// The format that a client prefers, by the `Accept` of its request; [`Text`](Self::Text) where it takes neither, or says nothing.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let (mut text, mut open_metrics) = (0.0_f32, 0.0_f32);
        for range in accept.split(',') {
            let Preference { name, version, quality } = Preference::of(range);
            match (name.as_str(), version) {
                ("application/openmetrics-text", None | Some("1.0.0")) => {
                    open_metrics = open_metrics.max(quality);
                }
                ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => text = text.max(quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// The `Content-Type` of the format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Whether a client prefers gzip to what is not compressed, by the `Accept-Encoding` of its request.
pub(super) fn prefers_gzip(accept_encoding: &str) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for coding in accept_encoding.split(',') {
        let Preference { name, quality, .. } = Preference::of(coding);
        match name.as_str() {
            "gzip" | "x-gzip" => gzip = Some(quality),
            "identity" => identity = Some(quality),
            "*" => any = Some(quality),
            _ => {}
        }
    }
    // What is not compressed is taken unless it is said otherwise, and for no other reason preferred.
    gzip.or(any).is_some_and(|gzip| gzip > 0.0 && gzip >= identity.unwrap_or_default())
}

/// One of the things that a client lists in a header such as `Accept`.
struct Preference<'a> {
    /// In lower case.
    name: String,
    version: Option<&'a str>,
    /// How much it is preferred, from 0 to 1; 0 is not at all.
    quality: f32,
}

impl<'a> Preference<'a> {
    fn of(listed: &'a str) -> Self {
        let mut parts = listed.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut version, mut quality) = (None, 1.0);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => version = Some(value.trim().trim_matches('"')),
                // What is no number is no wish.
                "q" => quality = value.trim().parse().unwrap_or(0.0),
                _ => {}
            }
        }
        Self { name, version, quality }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_prefers_of_what_there_is() {
        let open_metrics = [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"; q=0.9, text/plain; q=0.8",
            "application/openmetrics-text;version=0.0.1;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1",
            "*/*, application/openmetrics-text",
        ];
        for accept in open_metrics {
            assert_eq!(TextFormat::accepted(accept), TextFormat::OpenMetrics, "{accept}");
        }
        let text = [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/plain;version=1.0.0",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=x",
            "application/openmetrics-text;q=0.3,text/plain;version=0.0.4;q=0.4",
            ";;=,,q=1",
        ];
        for accept in text {
            assert_eq!(TextFormat::accepted(accept), TextFormat::Text, "{accept}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for taken in ["gzip", "GZIP;q=0.1", "x-gzip", "deflate, gzip;q=1.0, *;q=0.5", "*", "br, *;q=0.1"] {
            assert!(prefers_gzip(taken), "{taken}");
        }
        let not =
            ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *", "gzip;q=x", "gzip;q=0.4, identity"];
        for not_taken in not {
            assert!(!prefers_gzip(not_taken), "{not_taken}");
        }
    }
}
