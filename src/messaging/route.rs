//! The route of a message over bridges and dead letters, by which messages that go in a circle are ended.
//!
//! Two bridges, or two queues whose dead letters meet, can make a circle that no single manifest shows. Each bridge and each
//! queue that gives a message to its dead letters adds one to the count that travels with the message; at a limit it ends.

use std::fmt;
use std::sync::Arc;

use crate::footprint;

/// How many names a route has at most, and how many bytes each.
const NAMES: usize = 16;
const NAME: usize = 48;

/// The longest text of a route that a queue writes.
const LONGEST: usize = NAMES * (4 * NAME + 1) + 16;

/// The separator of names.
const BETWEEN: char = '>';

/// How often a message was passed on, and the last queues that it came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    hops: u32,
    queues: Arc<str>,
}

impl Route {
    /// Reads what [`Route`]'s `Display` writes; nothing where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (hops, queues) = text.split_once(' ')?;
        let digits = hops.bytes().all(|byte| byte.is_ascii_digit());
        let hops = digits.then(|| hops.parse().ok()).flatten().filter(|hops| *hops > 0)?;
        Some(Self { hops, queues: queues.into() })
    }

    /// The route of a message that comes from this queue and is passed on.
    pub fn after(before: Option<&Self>, queue: &str) -> Self {
        let name: String = queue
            .chars()
            .map(|character| if character == BETWEEN || character.is_control() { '_' } else { character })
            .take(NAME)
            .collect();
        let Some(Self { hops, queues }) = before else { return Self { hops: 1, queues: name.into() } };
        let names = queues.split(BETWEEN).count();
        let queues = queues.split(BETWEEN).skip((names + 1).saturating_sub(NAMES)).chain([name.as_str()]);
        let queues = queues.collect::<Vec<_>>().join(&BETWEEN.to_string());
        Self { hops: hops.saturating_add(1), queues: queues.into() }
    }

    /// How often it was passed on.
    pub fn hops(&self) -> u32 {
        self.hops
    }

    /// What it costs in memory beside itself.
    pub fn footprint(&self) -> usize {
        footprint::text(&self.queues)
    }

    /// The names of these queues, which come from outside and must be escaped.
    pub fn queues(&self) -> &str {
        &self.queues
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.hops, self.queues)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_queue_adds_its_name_and_the_last_are_kept() {
        let mut route = Route::after(None, "a");
        assert_eq!(route.to_string(), "1 a");
        route = Route::after(Some(&route), "b>\n");
        assert_eq!((route.to_string().as_str(), route.hops(), route.queues()), ("2 a>b__", 2, "a>b__"));
        for _ in 0..100 {
            route = Route::after(Some(&route), &"ü".repeat(100));
        }
        assert_eq!((route.hops(), route.queues().split('>').count()), (102, NAMES));
        assert_eq!(Route::parse(&route.to_string()), Some(route), "also at its longest");
    }

    #[test]
    fn what_is_no_route_is_none() {
        for text in ["", "1", " a", "-1 a", "+1 a", "0 a", "x a", "99999999999 a", "1\ta"] {
            assert_eq!(Route::parse(text), None, "{text}");
        }
        assert_eq!(Route::parse(&format!("1 {}", "x".repeat(LONGEST))), None);
        assert_eq!(Route::after(Route::parse("4294967295 a").as_ref(), "b").hops(), u32::MAX);
    }

    proptest! {
        #[test]
        fn any_names_survive(names in prop::collection::vec(any::<String>(), 1..40)) {
            let mut route = None;
            for name in &names {
                route = Some(Route::after(route.as_ref(), name));
            }
            let route = route.unwrap();
            prop_assert_eq!(route.hops() as usize, names.len());
            prop_assert_eq!(Route::parse(&route.to_string()), Some(route));
        }
    }
}
