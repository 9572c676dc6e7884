//! The example that README shows, and that it does what it says.

use std::path::Path;

use tokio::process::Command;
use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};

use crate::support::within;

#[test]
fn readme_shows_the_example() {
    let (readme, example) = (include_str!("../../README.md"), include_str!("../../examples/mqtt.rs"));
    let (_, code) = example.split_once('\n').unwrap();
    assert!(readme.contains(code), "README shows another example than examples/mqtt.rs");
    assert!(example.lines().count() < 25);
}

#[tokio::test]
async fn the_example_hears_itself() {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let program = profile.join("examples").join(format!("mqtt{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{program:?} is missing; `cargo test` or `cargo build --examples` builds it");
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&context).await.unwrap();
    let uri = format!("mqtt://{}", broker.address().unwrap());
    let mut command = Command::new(program);
    let ran = command.arg(uri).kill_on_drop(true).output();
    let output = within("the example", ran).await.unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{failed}");
    assert_eq!(said.trim(), "Some(\"Hello!\")", "{failed}");
    broker.close(&context).await.unwrap();
}
