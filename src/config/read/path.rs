//! Where in a section a value is: dotted keys, kept on the stack while reading.

use std::borrow::Cow;
use std::fmt;

use crate::config::mask_uri;
use crate::text::escape;

/// A key or the place in a list.
#[derive(Clone, Copy, Debug)]
pub enum Segment<'p> {
    /// A key of a table.
    Key(&'p str),
    /// A place in a list, from 0.
    Index(usize),
}

/// The way from the section to a value.
#[derive(Clone, Copy, Debug)]
pub enum Path<'p> {
    /// The section itself.
    Root,
    /// One step further.
    Step(&'p Path<'p>, Segment<'p>),
}

impl<'p> Path<'p> {
    /// The key `name` under this path.
    pub const fn key(&'p self, name: &'p str) -> Self {
        Self::Step(self, Segment::Key(name))
    }

    /// The element `index` under this path.
    pub const fn index(&'p self, index: usize) -> Self {
        Self::Step(self, Segment::Index(index))
    }

    /// The steps from the section on.
    pub fn segments(&self) -> Vec<Segment<'p>> {
        let mut segments = match self {
            Self::Root => return Vec::new(),
            Self::Step(parent, _) => parent.segments(),
        };
        if let Self::Step(_, segment) = self {
            segments.push(*segment);
        }
        segments
    }

    /// The path for a message, see [`shown_key`].
    pub fn shown(&self) -> String {
        let segments = self.segments().into_iter().map(|segment| match segment {
            Segment::Index(index) => index.to_string(),
            Segment::Key(name) => shown_key(name),
        });
        segments.collect::<Vec<_>>().join(".")
    }

    /// The last key, without the places in lists behind it.
    pub fn last_key(&self) -> &'p str {
        match self {
            Self::Root => "",
            Self::Step(_, Segment::Key(name)) => name,
            Self::Step(parent, Segment::Index(_)) => parent.last_key(),
        }
    }
}

/// As it is written in a manifest: `connection.host`, `connections.0.host`, `"a key".x`. A message shows it as [`Path::shown`].
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Step(parent, segment) = self else { return Ok(()) };
        if let Self::Step(..) = parent {
            write!(f, "{parent}.")?;
        }
        match segment {
            Segment::Index(index) => write!(f, "{index}"),
            Segment::Key(name) => f.write_str(&written(name)),
        }
    }
}

/// A key as it is written in a manifest.
fn written(name: &str) -> Cow<'_, str> {
    if is_bare(name) { Cow::Borrowed(name) } else { Cow::Owned(format!("{name:?}")) }
}

/// A key for a message. One that an operator may choose can be a URI, by mistake.
pub fn shown_key(name: &str) -> String {
    escape(&written(&mask_uri(name))).into_owned()
}

fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
