//! Who uses whom in a running service.

/// One reference of a component, or its `after`, and what it resolved to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Link {
    /// The field of its references; `after` for what it opens after without a reference.
    pub field: &'static str,
    /// Whether the component does not wait for it.
    pub late: bool,
    /// The components that it leads to, by position.
    pub to: Vec<u32>,
}

impl Link {
    /// A link of the name `field`.
    #[must_use]
    pub fn new(field: &'static str, late: bool, to: Vec<u32>) -> Self {
        Self { field, late, to }
    }
}

/// Who knows which component uses which others.
pub trait ServiceGraph: Send + Sync + 'static {
    /// The references of the component at a position, then what it opens after.
    fn links(&self, position: u32) -> Vec<Link>;
}

/// The graph of a service whose components use none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGraph;

impl ServiceGraph for NoGraph {
    fn links(&self, _: u32) -> Vec<Link> {
        Vec::new()
    }
}
