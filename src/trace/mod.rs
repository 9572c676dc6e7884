//! Tracing of operations: how long each took and whether it failed.
