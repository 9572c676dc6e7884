//! `?` on an error that has no category and code.
use wirework::Error;

fn roll() -> Result<String, Error> {
    Ok(std::fs::read_to_string("roll")?)
}

fn main() {
    let _ = roll();
}
