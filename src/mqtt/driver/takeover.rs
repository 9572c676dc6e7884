//! Detects another client with the same client id.
//!
//! Two clients with one id take the session over from each other for ever. On 3.1.1 no broker says so: all that can be seen is
//! that the broker ends each link soon after CONNACK, while nothing that was sent is unanswered.

use std::sync::Arc;

use crate::mqtt::LinkError;

/// After this many such links in a row, another client is suspected.
const SUSPICIOUS: u32 = 3;

/// The reason code "session taken over" of MQTT 5.
const TAKEN_OVER: u8 = 0x8e;

/// Counts links that the broker ended soon.
#[derive(Debug, Default)]
pub(super) struct TakeoverDetection {
    /// How many in a row.
    short_links: u32,
}

/// What the end of a link means.
pub(super) struct Verdict {
    /// Why it ended; a take-over where that is known or suspected.
    pub lost: LinkError,
    /// Whether the endpoint is to be tried after others.
    pub avoid: bool,
    /// Whether the link ended like any other, so that waits need not go on growing.
    pub ordinary: bool,
}

impl TakeoverDetection {
    /// Judges the end of a link. It was `stable` where it lasted; its end is `explained` where something that was sent may be
    /// the reason.
    pub fn link_ended(&mut self, lost: LinkError, stable: bool, explained: bool, client_id: &str) -> Verdict {
        let certain = matches!(lost, LinkError::Disconnected { code: TAKEN_OVER, .. });
        let by_broker =
            matches!(lost, LinkError::Ended | LinkError::Io { .. } | LinkError::Disconnected { .. });
        let short = certain || (by_broker && !stable && !explained);
        self.short_links = if short { self.short_links + 1 } else { 0 };
        let avoid = !certain && self.short_links > 1;
        if !certain && self.short_links < SUSPICIOUS {
            return Verdict { lost, avoid, ordinary: true };
        }
        let (client_id, times) = (Arc::from(client_id), self.short_links);
        let lost = LinkError::TakenOver { client_id, times, certain, last: Arc::new(lost) };
        Verdict { lost, avoid, ordinary: false }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(code: u8) -> LinkError {
        LinkError::Disconnected { code, reason: "r".into(), server_reference: None }
    }

    #[test]
    fn links_that_end_soon_again_and_again_are_named() {
        let mut detection = TakeoverDetection::default();
        for _ in 0..2 {
            let verdict = detection.link_ended(LinkError::Ended, false, false, "me");
            assert!(matches!(verdict.lost, LinkError::Ended) && verdict.ordinary);
        }
        let verdict = detection.link_ended(said(0), false, false, "me");
        assert!(verdict.avoid && !verdict.ordinary);
        assert_eq!(
            crate::error::chain(&verdict.lost),
            "the link has ended 3 times soon after CONNACK; another client may use the client id `me`: the broker sent \
             DISCONNECT: r (code 0x00)"
        );
        assert!(
            detection.link_ended(LinkError::Ended, true, false, "me").ordinary,
            "a good one ends the row"
        );
        detection.link_ended(LinkError::Ended, false, false, "me");
        detection.link_ended(LinkError::Ended, false, false, "me");
        assert!(
            detection.link_ended(LinkError::Silent(Duration::ZERO), false, false, "me").ordinary,
            "not the doing of the broker"
        );
    }

    #[test]
    fn what_was_sent_and_not_answered_explains_the_end() {
        let mut detection = TakeoverDetection::default();
        for _ in 0..10 {
            let verdict = detection.link_ended(LinkError::Ended, false, true, "me");
            assert!(matches!(verdict.lost, LinkError::Ended) && verdict.ordinary && !verdict.avoid);
        }
    }

    #[test]
    fn a_broker_that_says_so_is_believed_at_once() {
        let verdict = TakeoverDetection::default().link_ended(said(TAKEN_OVER), true, true, "me");
        assert!(!verdict.avoid && !verdict.ordinary);
        let shown = verdict.lost.to_string();
        assert_eq!(shown, "another client with the client id `me` has taken the session over");
    }
}
