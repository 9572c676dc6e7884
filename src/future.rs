//! Futures behind a pointer.

/// A boxed future that can move between threads; what an object-safe trait returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
