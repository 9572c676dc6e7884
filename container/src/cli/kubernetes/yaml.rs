//! Objects as YAML, with comments before them.

use std::fmt::Write;

use serde_json::Value;

/// Why objects cannot be written.
pub(super) type YamlError = serde_saphyr::ser::Error;

/// One object, and what is to be said of it.
pub(super) struct Document {
    comments: Vec<String>,
    object: Value,
}

impl Document {
    /// Without a comment.
    pub fn new(object: Value) -> Self {
        Self { comments: Vec::new(), object }
    }

    /// Says something before it, in one line.
    pub fn comment(&mut self, text: &str) {
        self.comments.push(wirework::text::escape(text).into_owned());
    }
}

/// All documents of a stream. A text of several lines is shown as it is.
pub(super) fn text(documents: &[Document]) -> Result<String, YamlError> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: true };
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        for comment in &document.comments {
            let _ = writeln!(text, "# {comment}");
        }
        text.push_str(&serde_saphyr::to_string_with_options(&document.object, options.clone())?);
    }
    Ok(text)
}
