//! The key `readiness` of a section: when the component makes the service not ready.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use wirework::component::ReadinessRule;
use wirework::config::{Millis, Node, nearest};

/// The rules that have a name.
const NAMED: [(&str, ReadinessRule); 2] = [("ignore", ReadinessRule::Ignore), ("open", ReadinessRule::Open)];

/// A rule as a section says it.
#[derive(Clone, Copy)]
pub(super) struct ReadinessKey(pub ReadinessRule);

/// What a string that is no rule most likely was meant to be.
pub(super) fn help(node: &Node) -> Option<String> {
    let meant = nearest(node.as_str()?.trim(), NAMED.iter().map(|(name, _)| *name))?;
    Some(format!("did you mean `{meant}`?"))
}

impl<'de> Deserialize<'de> for ReadinessKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

impl Visitor<'_> for RuleVisitor {
    type Value = ReadinessKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`ignore`, `open`, or for how long it may be recovering, such as `30s`")
    }
    fn visit_u64<E: Error>(self, milliseconds: u64) -> Result<ReadinessKey, E> {
        self.visit_str(&milliseconds.to_string())
    }
    fn visit_i64<E: Error>(self, milliseconds: i64) -> Result<ReadinessKey, E> {
        self.visit_str(&milliseconds.to_string())
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<ReadinessKey, E> {
        let text = text.trim();
        if let Some((_, rule)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(ReadinessKey(*rule));
        }
        match text.parse::<Millis>().map(Duration::from) {
            Ok(Duration::ZERO) => Err(E::invalid_value(
                Unexpected::Str(text),
                &"a time longer than 0, or `open`, which is at once",
            )),
            Ok(tolerated) => Ok(ReadinessKey(ReadinessRule::After(tolerated))),
            Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

impl JsonSchema for ReadinessKey {
    fn schema_name() -> Cow<'static, str> {
        "Readiness".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = NAMED.map(|(name, _)| name);
        let time = Millis::json_schema(generator);
        schemars::json_schema!({ "anyOf": [{ "type": "string", "enum": names }, time] })
    }
}
