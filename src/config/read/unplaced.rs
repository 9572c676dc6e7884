//! What a table refused that serde had collected, before its place is known.

use super::refusal::DeserializeError;
use crate::config::Problem;

/// Why a collected table was refused.
#[derive(Debug)]
pub struct Unplaced {
    /// The table, as a dotted path.
    pub table: String,
    /// What serde said.
    pub refusal: DeserializeError,
    /// What to tell when no place is found; nothing where something was told already.
    pub otherwise: Option<Problem>,
}
