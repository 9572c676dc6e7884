//! Speaking: log records, their routing to sinks, and the stock loggers.
