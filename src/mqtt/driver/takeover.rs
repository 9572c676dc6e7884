//! How long links live: finds those that end soon after the welcome, again and again.

use std::sync::Arc;

use crate::mqtt::Lost;

/// So many short ones in a row are no accident.
const SUSPICIOUS: u32 = 3;

/// "Session taken over", as MQTT 5 says it.
const TAKEN_OVER: u8 = 0x8e;

/// The links so far. Two clients with one id throw each other out for ever; on 3.1.1 no broker says so, and a link that
/// is ended by the other side soon after each welcome, while nothing that was sent is unanswered, is all that can be seen of
/// it.
#[derive(Debug, Default)]
pub(super) struct TakeoverDetection {
    short: u32,
}

/// What the end of a link means.
pub(super) struct Verdict {
    /// Why it ended, named where it can be.
    pub(super) lost: Lost,
    /// Whether the endpoint is to be set back behind others.
    pub(super) avoid: bool,
    /// Whether the next attempt may come soon.
    pub(super) calm: bool,
}

impl TakeoverDetection {
    /// A link has ended; `good` where it lasted, `explained` where something that was sent may be why.
    pub(super) fn ended(&mut self, lost: Lost, good: bool, explained: bool, client_id: &str) -> Verdict {
        let said = matches!(lost, Lost::Disconnected { code: TAKEN_OVER, .. });
        let theirs = matches!(lost, Lost::Ended | Lost::Io { .. } | Lost::Disconnected { .. });
        self.short = if said || (theirs && !good && !explained) { self.short + 1 } else { 0 };
        let avoid = !said && self.short > 1;
        if !said && self.short < SUSPICIOUS {
            return Verdict { lost, avoid, calm: true };
        }
        let (client_id, times) = (Arc::from(client_id), self.short);
        let lost = Lost::TakenOver { client_id, times, certain: said, last: Arc::new(lost) };
        Verdict { lost, avoid, calm: false }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(code: u8) -> Lost {
        Lost::Disconnected { code, reason: "r".into(), server_reference: None }
    }

    #[test]
    fn links_that_end_soon_again_and_again_are_named() {
        let mut lives = TakeoverDetection::default();
        for _ in 0..2 {
            let verdict = lives.ended(Lost::Ended, false, false, "me");
            assert!(matches!(verdict.lost, Lost::Ended) && verdict.calm);
        }
        let verdict = lives.ended(said(0), false, false, "me");
        assert!(verdict.avoid && !verdict.calm);
        assert_eq!(
            crate::error::chain(&verdict.lost),
            "the link has ended 3 times soon after the welcome; another client may use the client id `me`: the broker sent \
             DISCONNECT: r (code 0x00)"
        );
        assert!(lives.ended(Lost::Ended, true, false, "me").calm, "a good one ends the row");
        lives.ended(Lost::Ended, false, false, "me");
        lives.ended(Lost::Ended, false, false, "me");
        assert!(
            lives.ended(Lost::Silent(Duration::ZERO), false, false, "me").calm,
            "not the doing of the broker"
        );
    }

    #[test]
    fn what_was_sent_and_not_answered_explains_the_end() {
        let mut lives = TakeoverDetection::default();
        for _ in 0..10 {
            let verdict = lives.ended(Lost::Ended, false, true, "me");
            assert!(matches!(verdict.lost, Lost::Ended) && verdict.calm && !verdict.avoid);
        }
    }

    #[test]
    fn a_broker_that_says_so_is_believed_at_once() {
        let verdict = TakeoverDetection::default().ended(said(TAKEN_OVER), true, true, "me");
        assert!(!verdict.avoid && !verdict.calm);
        let shown = verdict.lost.to_string();
        assert_eq!(shown, "another client with the client id `me` has taken the session over");
    }
}
