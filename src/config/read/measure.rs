//! How long reading takes; run by hand: `cargo test --release --lib config::read::measure -- --ignored --nocapture`.

use std::time::Instant;

use schemars::JsonSchema;
use serde::Deserialize;

use super::read;
use crate::config::{Millis, Problems, Section, Span, parse_toml};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    host: String,
    port: u16,
    timeout: Option<Millis>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    strict: Option<bool>,
}

#[test]
#[ignore = "a measurement, not a test"]
fn a_hundred_thousand_sections() {
    const COUNT: usize = 100_000;
    let descriptor = "a:b:c:d:1.0".parse().unwrap();
    let mut problems = Problems::new();
    let text = "host = 'example'\nport = 1883\ntimeout = '30s'\noptions.strict = true\n".to_owned();
    let sections: Vec<_> = (0..COUNT).map(|_| parse_toml(&text, 0, &mut problems)).collect();
    let start = Instant::now();
    let mut ports = 0;
    for table in &sections {
        let section = Section { descriptor: &descriptor, table, span: Span::default() };
        let config = read::<Config>(&section, &mut problems).unwrap();
        let extra =
            config.timeout.is_some() && config.options.strict == Some(true) && !config.host.is_empty();
        ports += usize::from(config.port) + usize::from(extra);
    }
    assert_eq!((ports, problems.len()), (1884 * COUNT, 0));
    println!("{COUNT} sections read in {:?}", start.elapsed());
}
