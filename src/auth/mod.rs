//! Credentials: their parameters, the stores that keep them, and the resolver that brings both together.
