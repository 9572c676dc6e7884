//! The formats in which metrics are written, and which of them a client takes.

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
            match MediaRange::of(range) {
                MediaRange { format: Some(Self::Text), quality } => text = text.max(quality),
                MediaRange { format: Some(Self::OpenMetrics), quality } => {
                    open_metrics = open_metrics.max(quality);
                }
                MediaRange { format: None, .. } => {}
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

/// One of the ranges of an `Accept`.
struct MediaRange {
    /// The format in it; nothing for what is not written here.
    format: Option<TextFormat>,
    quality: f32,
}

impl MediaRange {
    fn of(range: &str) -> Self {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut version, mut quality) = (None, 1.0);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => version = Some(value.trim().trim_matches('"')),
                // What is no number is no wish.
                "q" => quality = value.trim().parse().unwrap_or(0.0),
                _ => {}
            }
        }
        let format = match (media.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => Some(TextFormat::OpenMetrics),
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => Some(TextFormat::Text),
            _ => None,
        };
        Self { format, quality }
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
}
