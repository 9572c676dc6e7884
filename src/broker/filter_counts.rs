//! How many filters the clients of a manifest take at the broker, as it counts them.

use std::collections::HashSet;

use mqtt5::validation::parse_shared_subscription;

use super::access::covers;
use crate::component::ClientFilters;

/// How many pairs of filters are compared at most.
const MOST_PAIRS: usize = 10_000_000;

/// The filters of one client: while components open, at least, and in all, at most.
pub(super) fn of_one(client: &ClientFilters<'_>) -> (usize, usize) {
    (asked(client).len(), distinct(&client.all).len())
}

/// The same of all clients together. One that several have is one, and takes a place of its own while the others ask for it.
pub(super) fn of_all(clients: &[ClientFilters<'_>]) -> (usize, usize) {
    let at_open: HashSet<_> = clients.iter().flat_map(asked).map(topics).collect();
    let all: Vec<_> = clients.iter().flat_map(|client| distinct(&client.all)).map(topics).collect();
    let different = distinct(&all).len();
    (at_open.len(), different + usize::from(different < all.len()))
}

/// The filters that a client asks for while its components open, in whatever order they do.
fn asked<'a>(client: &ClientFilters<'a>) -> HashSet<&'a str> {
    let filters = distinct(&client.at_open);
    if !client.merges {
        return filters;
    }
    let wide: Vec<_> =
        filters.iter().copied().filter(|one| one.contains(['+', '#']) && !is_shared(one)).collect();
    if wide.len().saturating_mul(filters.len()) > MOST_PAIRS {
        // Nobody knows how few they may be.
        return HashSet::new();
    }
    let is_covered = |one: &str| wide.iter().any(|wide| *wide != one && covers(wide, one));
    filters.into_iter().filter(|one| is_shared(one) || !is_covered(one)).collect()
}

fn distinct<'a>(filters: &[&'a str]) -> HashSet<&'a str> {
    filters.iter().copied().collect()
}

/// The topics of a filter: those of a shared subscription have one place, whatever its group.
fn topics(filter: &str) -> &str {
    parse_shared_subscription(filter).0
}

fn is_shared(filter: &str) -> bool {
    parse_shared_subscription(filter).1.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client<'a>(at_open: &[&'a str], later: &[&'a str], merges: bool) -> ClientFilters<'a> {
        ClientFilters { at_open: at_open.to_vec(), all: [at_open, later].concat(), merges }
    }

    #[test]
    fn what_another_one_covers_is_not_asked_for_where_filters_are_merged() {
        let filters = ["a/b", "a/#", "a/#", "$share/g/a/b", "c"];
        assert_eq!(of_one(&client(&filters, &["d"], true)), (3, 5));
        assert_eq!(of_one(&client(&filters, &["d"], false)), (4, 5));
    }

    #[test]
    fn one_filter_of_several_clients_is_one() {
        let (one, other) = (client(&["a", "$share/g/b"], &[], false), client(&["b", "c"], &["d"], false));
        assert_eq!(of_all(&[one.clone(), other.clone()]), (3, 5), "`b` twice needs a place more");
        assert_eq!(of_all(&[one, client(&["c"], &[], false)]), (3, 3));
    }
}
