//! The printed schema and the reader of manifests agree on values in quotes.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Value;
use wirework::component::{Component, ComponentFactory, Registry};
use wirework::config::{Millis, Problems};
use wirework::{Descriptor, Error};
use wirework_container::manifest::{Manifest, Parameters};
use wirework_container::plan::Plan;

use crate::schema::{as_json, validator};

/// A component with numbers of all sizes.
struct Numbers;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct NumbersConfig {
    most: Option<u64>,
    size: Option<usize>,
    wide: Option<u128>,
    low: Option<i128>,
    small: Option<i64>,
    flag: Option<bool>,
    ratio: Option<f64>,
    wait: Option<Millis>,
    pause: Option<std::time::Duration>,
    letter: Option<char>,
}

impl Component for Numbers {
    const DESCRIPTOR: &'static str = "acme:numbers:all:*:1.0";
    const SUMMARY: &'static str = "Counts.";
    type Config = NumbersConfig;
    type References = ();
    fn create(_: &Descriptor, _: NumbersConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// A value in quotes is accepted by the schema where `check` accepts it, and nowhere else.
#[test]
fn the_schema_agrees_with_check_on_values_in_quotes() {
    let mut registry = Registry::new();
    registry.add(ComponentFactory::<Numbers>::NEW).unwrap();
    let validator = validator(&registry);
    let around = |number: u128| [number - 1, number, number + 1].map(|number| number.to_string());
    let limits = [1, 123, 1 << 63, u128::from(u64::MAX), i128::MAX.unsigned_abs()];
    let mut texts: Vec<String> = limits.into_iter().flat_map(around).collect();
    let more =
        ["9999999999999999999", "10000000000000000000", "18446744073709550000", "1e20", "x", "", "true"];
    let others =
        [" +018446744073709551615 ", "18446744073709551615u", "false", "yes", "1.5", "inf", "nan", "5s"];
    texts.extend(more.iter().chain(&others).map(|text| (*text).to_owned()));
    texts.extend(["1.5s", "-5s", "5 parsecs", "1500", "PT5S", "ü", "ab"].map(str::to_owned));
    let negative: Vec<_> = texts.iter().map(|text| format!("-{}", text.trim())).collect();
    let mut differences = Vec::new();
    for key in ["most", "size", "wide", "low", "small", "flag", "ratio", "wait", "pause", "letter"] {
        for value in texts.iter().chain(&negative) {
            let text = format!(
                "[[component]]\ndescriptor = 'acme:numbers:all:x:1.0'\n{key} = {}\n",
                Value::from(&**value)
            );
            let mut problems = Problems::new();
            let manifest = Manifest::parse("service.toml".as_ref(), &text, &Parameters::new(), &mut problems);
            drop(Plan::new(manifest, &registry, &mut problems));
            if validator.is_valid(&as_json(&text)) == problems.has_errors() {
                differences.push(format!("{key} = {value:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
