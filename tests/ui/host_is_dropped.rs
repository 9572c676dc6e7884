//! A host that is made and not run, and one whose exit code is lost.
#![deny(unused_must_use)]
use wirework_container::Host;

fn main() {
    Host::new().manifest("service.toml");
    Host::new().main();
}
