//! Container.
