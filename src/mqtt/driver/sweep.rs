//! A sweep over the brokers that found no link: whether that is the end, and what to say of it.

use crate::connect::Endpoint;
use crate::mqtt::Lost;

/// The failures of one sweep so far.
///
/// One broker of a list may refuse us for good, as with credentials of its own, while its neighbour would welcome us. So a
/// refusal is the end only when every broker of the list has refused; one by a broker that another has named does not
/// count, since the one that named it is asked itself.
pub(super) struct Sweep {
    /// How many brokers of the list have not refused for good.
    open: usize,
    /// The first refusal for good by one of the list.
    refusal: Option<(Endpoint, Lost)>,
    last: Option<(Endpoint, Lost)>,
    /// Nothing that failed will mend itself.
    hopeless: bool,
    /// A broker of the list has refused who the client is.
    about_us: bool,
}

impl Sweep {
    /// Of a sweep over so many brokers.
    pub(super) fn new(listed: usize) -> Self {
        Self { open: listed, refusal: None, last: None, hopeless: true, about_us: false }
    }

    /// An attempt ended at this broker; `listed` unless that was outside of the list.
    pub(super) fn add(&mut self, at: Endpoint, lost: Lost, listed: bool) {
        if lost.is_final() && listed {
            self.open = self.open.saturating_sub(1);
            self.refusal.get_or_insert((at.clone(), lost.clone()));
            self.about_us |= lost.is_about_us();
        }
        self.hopeless &= lost.is_final() || lost.is_elsewhere() || matches!(lost, Lost::Tls(_));
        self.last = Some((at, lost));
    }

    /// The refusal that ends the connection, when all have refused.
    pub(super) fn end(&self) -> Option<(Endpoint, Lost)> {
        if self.open == 0 { self.refusal.clone() } else { None }
    }

    /// Whether a broker of the list refused who the client is, which other credentials may mend.
    pub(super) fn is_about_us(&self) -> bool {
        self.about_us
    }

    /// Whether all of it is of a kind that does not mend itself.
    pub(super) fn is_hopeless(&self) -> bool {
        self.hopeless
    }

    /// What says most about the failure: a refusal rather than what happened last.
    pub(super) fn telling(self) -> Option<(Endpoint, Lost)> {
        self.refusal.or(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> Endpoint {
        Endpoint {
            protocol: "mqtt",
            host: host.to_owned(),
            port: 1883,
            path: None,
            username: None,
            password: None,
            parameters: Default::default(),
            written: None,
        }
    }

    fn refused(code: u8) -> Lost {
        Lost::Refused { code, reason: "r".into(), server_reference: None }
    }

    #[test]
    fn only_all_refusals_are_the_end() {
        let mut missed = Sweep::new(2);
        missed.add(endpoint("elsewhere"), refused(5), false);
        missed.add(endpoint("a"), refused(5), true);
        assert!(missed.end().is_none() && missed.is_hopeless());
        missed.add(endpoint("b"), refused(4), true);
        let (at, lost) = missed.end().unwrap();
        assert!(at.host == "a" && matches!(lost, Lost::Refused { code: 5, .. }), "the first");
    }

    #[test]
    fn a_busy_neighbour_keeps_the_hope_up() {
        let mut missed = Sweep::new(2);
        missed.add(endpoint("a"), refused(5), true);
        missed.add(endpoint("b"), refused(3), true);
        assert!(missed.end().is_none() && !missed.is_hopeless());
        let (at, _) = missed.telling().unwrap();
        assert_eq!(at.host, "a", "what says more");
    }
}
