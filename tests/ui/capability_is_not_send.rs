//! A capability that cannot be shared between threads.
trait Ink {}
wirework::capability!(dyn Ink);

fn main() {}
