//! The error that components speak: a Pip.Services category and code, a message, and the whole chain of causes.
//!
//! Modules keep small enums of their own and say by [`Coded`] which category and code each variant has; `?` turns
//! them into an [`Error`] without losing anything: the enum stays reachable through [`Error::downcast_ref`].

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::text::{MAX_SHOWN, clip_to};

/// What kind of failure it is. The names and statuses are those of Pip.Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// Nobody knows.
    Unknown,
    /// A mistake in the program.
    Internal,
    /// A mistake in the configuration.
    Misconfiguration,
    /// The component is in no state to do what was asked.
    InvalidState,
    /// A remote side did not answer, or refused the connection.
    NoResponse,
    /// A remote side answered with a failure.
    FailedInvocation,
    /// A file could not be read or written.
    FileError,
    /// The caller asked for something malformed.
    BadRequest,
    /// The caller may not do that.
    Unauthorized,
    /// There is no such thing.
    NotFound,
    /// Somebody else was first.
    Conflict,
    /// This implementation cannot do that.
    Unsupported,
}

impl Category {
    /// The category's name in the Pip.Services error model.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Internal => "Internal",
            Self::Misconfiguration => "Misconfiguration",
            Self::InvalidState => "InvalidState",
            Self::NoResponse => "NoResponse",
            Self::FailedInvocation => "FailedInvocation",
            Self::FileError => "FileError",
            Self::BadRequest => "BadRequest",
            Self::Unauthorized => "Unauthorized",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::Unsupported => "Unsupported",
        }
    }

    /// The HTTP status that Pip.Services gives the category.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::Conflict => 409,
            _ => 500,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error enum that knows the category and code of each of its variants, so that `?` makes it an [`Error`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no category and code, so that it does not become a `wirework::Error` by itself",
    // All that the compiler shows of this where `?` stands.
    label = "not `Coded`; say what was being done: `.context(\"reading the roll\")?`, with `use wirework::ErrorContext as _;`",
    note = "for an error of your own, implement `wirework::Coded`"
)]
pub trait Coded: StdError + Send + Sync + 'static {
    /// The category of this error.
    fn category(&self) -> Category;
    /// The code of this error, such as `NOT_OPEN`; upper case with underscores.
    fn code(&self) -> &'static str;
    /// The keys of the component's section that this error is about, dotted from the section on: `options.capacity`,
    /// `connections.1.port`, `references.queue`. Those that are set are shown with their place in the manifest where the service
    /// fails with this error. None by default.
    ///
    /// An enum gives the keys of its sources too where they are [`Coded`] and no [`Error`]: nobody else can ask them.
    fn keys(&self) -> Vec<Cow<'static, str>> {
        Vec::new()
    }
}

/// A failure of a component: category, code, message and causes.
///
/// ```
/// use wirework::{Category, Error};
/// let error = Error::new(Category::InvalidState, "NOT_OPEN", "connection `default` was not opened");
/// assert_eq!(error.code(), "NOT_OPEN");
/// assert_eq!(error.to_string(), "connection `default` was not opened");
/// ```
pub struct Error(Box<Repr>);

struct Repr {
    category: Category,
    code: Cow<'static, str>,
    message: Message,
    details: Vec<(Cow<'static, str>, String)>,
    keys: Vec<Cow<'static, str>>,
}

/// Where the text comes from: written here over an optional cause, or the text of a typed error.
enum Message {
    Own { text: Cow<'static, str>, source: Option<Box<dyn StdError + Send + Sync>> },
    Typed(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// An error with a category, a code (upper case with underscores) and a lower-case message that names the thing,
    /// what was found and what would be right.
    pub fn new(
        category: Category,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let message = Message::Own { text: message.into(), source: None };
        Self(Box::new(Repr { category, code: code.into(), message, details: Vec::new(), keys: Vec::new() }))
    }

    /// Wraps `source`: this error's text comes first, the causes follow. An error that is [`Coded`] is wrapped as an [`Error`], so that
    /// its keys are not lost: `.with_source(Error::from(source))`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let text = match self.0.message {
            Message::Own { text, .. } => text,
            Message::Typed(error) => error.to_string().into(),
        };
        self.0.message = Message::Own { text, source: Some(source.into()) };
        self
    }

    /// Adds a named detail, as Pip.Services errors carry them.
    #[must_use]
    pub fn with_detail(mut self, key: impl Into<Cow<'static, str>>, value: impl fmt::Display) -> Self {
        self.0.details.push((key.into(), value.to_string()));
        self
    }

    /// Says that this error is about a key of the component's section, dotted from the section on: `options.capacity`. Where the service
    /// fails with it and the key is set, the report says where.
    ///
    /// ```
    /// use wirework::{Category, Error};
    /// let error = Error::new(Category::FileError, "READ_FAILED", "cannot read the roll `members.txt`").with_key("roll");
    /// assert_eq!(error.context("opening the club").keys(), ["roll"]);
    /// ```
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.0.keys.push(key.into());
        self
    }

    /// Puts this error under a line of context; category and code stay those of the cause. For a result, see [`ErrorContext`].
    #[must_use]
    pub fn context(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(self.0.category, self.0.code.clone(), message).with_source(self)
    }

    /// The category.
    #[must_use]
    pub fn category(&self) -> Category {
        self.0.category
    }

    /// The code, such as `CONNECT_FAILED`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The code where it is one of a program's own, as most are, and no text that was put together.
    pub(crate) fn static_code(&self) -> Option<&'static str> {
        match self.0.code {
            Cow::Borrowed(code) => Some(code),
            Cow::Owned(_) => None,
        }
    }

    /// The named details, in the order they were added.
    pub fn details(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.details.iter().map(|(key, value)| (key.as_ref(), value.as_str()))
    }

    /// The keys of the component's section that this error and its causes are about, each once, those of this one first; see
    /// [`Coded::keys`].
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = Vec::new();
        let causes = self.causes().filter_map(ours);
        for key in std::iter::once(self).chain(causes).flat_map(|error| &error.0.keys) {
            if !keys.contains(&key.as_ref()) {
                keys.push(key);
            }
        }
        keys
    }

    /// The typed error behind this one, here or further down the chain of causes.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.causes().find_map(|error| error.downcast_ref::<E>())
    }

    /// The errors behind this one: the typed one that it is made of, and all causes.
    fn causes(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        std::iter::successors(self.next_behind(), |&error| next_behind(error))
    }

    fn next_behind(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.message {
            Message::Typed(error) => Some(&**error),
            Message::Own { source, .. } => source.as_deref().map(|error| error as _),
        }
    }

    /// The message and those of all its causes on one line, joined by `: `.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

fn next_behind<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    ours(error).map_or_else(|| error.source(), Error::next_behind)
}

/// The error as one of ours, owned or shared, where it is.
fn ours<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Error> {
    error.downcast_ref().or_else(|| error.downcast_ref::<Arc<Error>>().map(Arc::as_ref))
}

/// Says what was being done when something failed, and makes an [`Error`] of any error.
///
/// An [`Error`] keeps its category and code. Any other error becomes the source of one of the category
/// [`Unknown`](Category::Unknown) with the code `UNKNOWN`; where callers decide by category, say it by
/// `map_err(|error| Error::new(category, code, message).with_source(error))`. Errors that are [`Coded`] become an [`Error`] by
/// `?` alone; under a line of context by `.map_err(Error::from).context(…)`.
///
/// ```
/// use wirework::{Error, ErrorContext as _};
/// fn members(path: &str) -> Result<u32, Error> {
///     let roll = std::fs::read_to_string(path).context("reading the roll")?;
///     roll.trim().parse().with_context(|| format!("counting the members in `{path}`"))
/// }
/// let error = members("/none").unwrap_err();
/// assert!(error.chain().starts_with("reading the roll: No such file"));
/// ```
pub trait ErrorContext<T> {
    /// Puts a failure under a line of context: what was being done, in lower case, such as `reading the roll`.
    ///
    /// # Errors
    /// The failure with this line before it.
    fn context(self, doing: impl Into<Cow<'static, str>>) -> Result<T, Error>;

    /// The same with a text that is made only when there is a failure.
    ///
    /// # Errors
    /// The failure with this line before it.
    fn with_context(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> ErrorContext<T> for Result<T, E> {
    fn context(self, doing: impl Into<Cow<'static, str>>) -> Result<T, Error> {
        self.map_err(|error| under(error.into(), doing.into()))
    }
    fn with_context(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| under(error.into(), doing().into()))
    }
}

fn under(error: Box<dyn StdError + Send + Sync>, doing: Cow<'static, str>) -> Error {
    let own = error.downcast::<Error>().map(|error| *error);
    let own = own.or_else(|error| error.downcast::<Arc<Error>>().map(|error| Error::from(*error)));
    match own {
        Ok(error) => error.context(doing),
        Err(foreign) => Error::new(Category::Unknown, "UNKNOWN", doing).with_source(foreign),
    }
}

/// How many bytes of one message [`chain`] shows. Errors of libraries can repeat a whole payload.
const MAX_MESSAGE: usize = 4096;

/// The message of `error` and those of all its causes on one line, joined by `: `; each is escaped, and cut where it is longer
/// than 4096 bytes, or than 256 where it repeats what it could not read.
#[must_use]
pub fn chain(error: &dyn StdError) -> String {
    let mut text = clip_to(&error.to_string(), MAX_MESSAGE).into_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        let quotes = cause.is::<serde_json::Error>() || cause.is::<Arc<serde_json::Error>>();
        let limit = if quotes { MAX_SHOWN } else { MAX_MESSAGE };
        let cause_text = clip_to(&cause.to_string(), limit).into_owned();
        // Some libraries repeat their cause in their own text; once is enough.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.message {
            Message::Own { text, .. } => f.write_str(text),
            Message::Typed(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.category, self.0.code, self.chain())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.message {
            Message::Own { source, .. } => source.as_deref().map(|error| error as _),
            Message::Typed(error) => error.source(),
        }
    }
}

impl<E: Coded> From<E> for Error {
    fn from(error: E) -> Self {
        let (category, code, keys) = (error.category(), error.code().into(), error.keys());
        let message = Message::Typed(Box::new(error));
        Self(Box::new(Repr { category, code, message, details: Vec::new(), keys }))
    }
}

/// A shared error, such as that of a status, with its category, code, details, keys and causes.
impl From<Arc<Error>> for Error {
    fn from(error: Arc<Error>) -> Self {
        let (category, code, details) = (error.category(), error.0.code.clone(), error.0.details.clone());
        let message = Message::Typed(Box::new(error));
        Self(Box::new(Repr { category, code, message, details, keys: Vec::new() }))
    }
}

#[cfg(test)]
mod tests;
