//! Container.
pub mod manifest;
