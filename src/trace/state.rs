//! What the systems that trace have added to a trace: the `tracestate` of W3C Trace Context.

use std::collections::HashSet;
use std::sync::Arc;

use crate::footprint;

/// How many members one may have.
const MEMBERS: usize = 32;

/// How many characters are passed on.
const LONGEST: usize = 512;

/// Members of more characters are the first to go where it is longer.
const LARGE: usize = 128;

/// A sound `tracestate`, passed on as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TraceState(Arc<str>);

impl TraceState {
    /// That of the values of all headers, in their order; nothing for a malformed one.
    pub fn parse<'v>(values: impl IntoIterator<Item = &'v str>) -> Option<Self> {
        let mut members = Vec::new();
        let mut keys = HashSet::new();
        for member in values.into_iter().flat_map(|value| value.split(',')) {
            let member = member.trim_matches([' ', '\t']);
            // Empty ones are allowed, and mean nothing.
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            let sound = is_key(key) && is_value(value) && keys.insert(key);
            if !sound || members.len() == MEMBERS {
                return None;
            }
            members.push(member);
        }
        shorten(&mut members);
        (!members.is_empty()).then(|| Self(members.join(",").into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn footprint(&self) -> usize {
        footprint::text(&self.0)
    }
}

/// Leaves out whole members: the large ones first, and then the last ones, which are the oldest.
fn shorten(members: &mut Vec<&str>) {
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    while length(members) > LONGEST + 1 {
        let last = members.len().saturating_sub(1);
        let large = members.iter().rposition(|member| member.len() > LARGE);
        members.remove(large.unwrap_or(last));
    }
}

/// `vendor`, or `tenant@vendor`.
fn is_key(key: &str) -> bool {
    let is_part = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-*/@".contains(&c);
    let begins = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    key.len() <= 256 && key.as_bytes().first().is_some_and(begins) && key.bytes().all(is_part)
}

fn is_value(value: &str) -> bool {
    let is_part = |c: u8| matches!(c, 0x20..=0x7e) && c != b',' && c != b'=';
    value.len() <= 256 && !value.is_empty() && value.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(values: &[&str]) -> Option<String> {
        TraceState::parse(values.iter().copied()).map(|state| state.as_str().to_owned())
    }

    #[test]
    fn members_keep_their_order() {
        assert_eq!(parse(&["b=2 , a=1", "", "t@c=x y"]).as_deref(), Some("b=2,a=1,t@c=x y"));
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[" ,"]), None);
        for bad in
            ["a", "A=1", "a=", "=1", "a=1=2", "a=ü", "a=1,a=2", "-a=1", &format!("{}=1", "k".repeat(257))]
        {
            assert_eq!(parse(&[bad]), None, "{bad}");
        }
        let members = |count: usize| (0..count).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
        assert_eq!(parse(&[&members(32)]), Some(members(32)));
        assert_eq!(parse(&[&members(33)]), None);
    }

    #[test]
    fn what_is_too_long_loses_the_large_and_then_the_last() {
        let member = |key: &str, length: usize| format!("{key}={}", "v".repeat(length - key.len() - 1));
        let (a, b, c) = (member("a", 120), member("b", 200), member("c", 120));
        let rest: Vec<_> = ["d", "e", "f"].map(|key| member(key, 120)).into();
        let all = [vec![a.clone(), b, c.clone()], rest.clone()].concat().join(",");
        assert_eq!(parse(&[&all]), Some([a, c, rest[0].clone(), rest[1].clone()].join(",")));
    }

    proptest! {
        #[test]
        fn what_is_read_is_short_and_read_again(values in prop::collection::vec("([a-c@*]{1,3}=[a-z =]{0,200},? ?){0,6}|\\PC{0,20}", 0..4)) {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            if let Some(once) = parse(&values) {
                prop_assert!(once.len() <= LONGEST && !once.contains(['\r', '\n']));
                prop_assert_eq!(parse(&[&once]), Some(once));
            }
        }
    }
}
