//! Attributes, and the resource that all telemetry of a service belongs to.

use std::collections::BTreeMap;

use super::protobuf::Message;
use crate::log::Value;

/// Adds an attribute to a message, whose attributes have this number.
pub(super) fn attribute(message: &mut Message, field: u32, name: &str, value: Value<'_>) {
    let mut any = Message::with_capacity(16);
    any_value(&mut any, value);
    let mut pair = Message::with_capacity(name.len() + any.as_bytes().len() + 8);
    pair.text(1, name);
    pair.message(2, &any);
    message.message(field, &pair);
}

/// A value of any type: text, yes or no, or a number.
pub(super) fn any_value(any: &mut Message, value: Value<'_>) {
    match value {
        Value::Text(text) => any.text(1, text),
        Value::Bool(flag) => any.bool(2, flag),
        Value::I64(number) => any.signed(3, number),
        Value::U64(number) => match i64::try_from(number) {
            Ok(number) => any.signed(3, number),
            // There is no such number in OTLP.
            Err(_) => any.text(1, &number.to_string()),
        },
        Value::F64(number) => any.double(4, number),
    }
}

/// Whose telemetry it is, as the field `resource` and the instrumentation scope of a request.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    resource: Message,
    scope: Message,
}

impl Resource {
    /// One with these attributes, beside those that say by which library it is sent.
    pub fn new(attributes: &BTreeMap<String, String>) -> Self {
        let mut resource = Message::default();
        for (name, value) in attributes {
            attribute(&mut resource, 1, name, Value::Text(value));
        }
        let library = [
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.name", "wirework"),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        for (name, value) in library {
            if !attributes.contains_key(name) {
                attribute(&mut resource, 1, name, Value::Text(value));
            }
        }
        let mut scope = Message::default();
        scope.text(1, "wirework");
        scope.text(2, env!("CARGO_PKG_VERSION"));
        Self { resource, scope }
    }

    pub fn resource(&self) -> &Message {
        &self.resource
    }

    pub fn scope(&self) -> &Message {
        &self.scope
    }
}
