//! Connections: their parameters, discovery services, and the resolver that brings both together.
