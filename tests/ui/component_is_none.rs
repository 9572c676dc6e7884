//! A type is registered that is no component.
struct Pen;
wirework::register!(Pen);

fn main() {}
