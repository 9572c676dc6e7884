//! Where in a section a value is: dotted keys, kept on the stack while reading.

use std::fmt;

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

    /// The last key, without the places in lists behind it.
    pub fn last_key(&self) -> &'p str {
        match self {
            Self::Root => "",
            Self::Step(_, Segment::Key(name)) => name,
            Self::Step(parent, Segment::Index(_)) => parent.last_key(),
        }
    }
}

/// As it is written in a manifest: `connection.host`, `connections.0.host`, `"a key".x`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Step(parent, segment) = self else { return Ok(()) };
        if let Self::Step(..) = parent {
            write!(f, "{parent}.")?;
        }
        match segment {
            Segment::Index(index) => write!(f, "{index}"),
            Segment::Key(name) if is_bare(name) => f.write_str(name),
            Segment::Key(name) => write!(f, "{name:?}"),
        }
    }
}

fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
