//! A dotted name of a counter, taken apart into what is counted and of what.

use std::borrow::Cow;

use crate::component::Descriptor;

/// First segments of dotted names whose middle is the name of one thing, such as `queue.orders.sent_messages`: as a metric that name
/// is a label, so that one metric has all queues, and a limit.
const NAMED: [&str; 2] = ["queue", "bridge"];

/// The first segments of the dotted names by which requests are counted, `http.route.METHOD ROUTE CLASS.time`: all three are labels.
const ROUTE: &str = "http.route";

/// What a counter counts, and of what, as sinks have it that know labels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DottedName<'a> {
    /// The name without the names in it, such as `queue.sent_messages`.
    pub name: Cow<'a, str>,
    /// The name as people read it, such as `queue.NAME.sent_messages`.
    pub shown: Cow<'a, str>,
    /// Of what it is counted, such as `queue` and `orders`; first the component.
    pub attributes: Vec<(&'static str, Cow<'a, str>)>,
}

impl<'a> DottedName<'a> {
    /// That of a counter of a component.
    pub fn of(dotted: &'a str, component: Option<&Descriptor>) -> Self {
        let mut attributes: Vec<(&'static str, Cow<'a, str>)> = Vec::new();
        attributes.extend(component.map(|component| ("component", component_label(component).into())));
        let apart =
            |first: &str, last| (format!("{first}.{last}").into(), format!("{first}.NAME.{last}").into());
        let (name, shown) = if let Some((what, thing, last)) = named(dotted) {
            attributes.push((what, thing.into()));
            apart(what, last)
        } else if let Some((method, route, code, last)) = routed(dotted) {
            let of = [("method", method), ("route", route), ("code", code)];
            attributes.extend(of.map(|(name, value)| (name, value.into())));
            apart(ROUTE, last)
        } else {
            (dotted.into(), dotted.into())
        };
        Self { name, shown, attributes }
    }
}

/// Of what a dotted name counts, the name of the one thing, and what is counted of it.
fn named(dotted: &str) -> Option<(&'static str, &str, &str)> {
    NAMED.into_iter().find_map(|what| {
        let (name, metric) = dotted.strip_prefix(what)?.strip_prefix('.')?.rsplit_once('.')?;
        Some((what, name, metric))
    })
}

/// Method, route and class of the code of requests, and what is counted of them.
fn routed(dotted: &str) -> Option<(&str, &str, &str, &str)> {
    let (name, metric) = dotted.strip_prefix(ROUTE)?.strip_prefix('.')?.rsplit_once('.')?;
    let (method, rest) = name.split_once(' ')?;
    let (route, code) = rest.rsplit_once(' ')?;
    Some((method, route, code, metric))
}

/// `type:kind:name`, the label of a component.
pub(crate) fn component_label(component: &Descriptor) -> String {
    format!("{}:{}:{}", component.r#type(), component.kind(), component.name())
}
