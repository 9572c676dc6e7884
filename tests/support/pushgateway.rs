//! A real Pushgateway, where it is installed.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command;

use super::http::Server;
use super::mosquitto::{installed, skip};
use super::process::Process;
use super::prometheus::listening;
use super::{LIMIT, within};

/// Where the variable is 1, a machine without a Pushgateway fails the tests that need it; elsewhere they are skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_PUSHGATEWAY";

/// How often a test asks it again.
const INTERVAL: Duration = Duration::from_millis(20);

/// A server of its own, which keeps what it is sent in memory; stopped when dropped.
pub struct Pushgateway {
    pub address: SocketAddr,
    _process: Process,
}

impl Pushgateway {
    /// Starts one, or says that the test is skipped because there is none on this machine.
    pub async fn start() -> Option<Self> {
        let program = installed("prometheus-pushgateway").or_else(|| installed("pushgateway"));
        let Some(program) = program else {
            skip("prometheus-pushgateway", REQUIRE);
            return None;
        };
        let mut process = Process::start(Command::new(program).arg("--web.listen-address=127.0.0.1:0"));
        Some(Self { address: listening(&mut process).await, _process: process })
    }

    /// All that it would show to Prometheus.
    pub async fn metrics(&self) -> String {
        // HTTP/1.0: the answer comes in one piece.
        let server = Server::Tcp(self.address);
        let asked = server.send("GET /metrics HTTP/1.0\r\n\r\n");
        let answer = within("the Pushgateway", asked).await.expect("it answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The lines of what it shows that begin with one of these, once some of them are as they are to be. It has no event for a push.
    pub async fn reaches(&self, holds: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let asked = tokio::time::timeout(LIMIT, async {
            let mut again = tokio::time::interval(INTERVAL);
            loop {
                again.tick().await;
                last = self.metrics().await;
                if holds(&last) {
                    return;
                }
            }
        });
        let reached = asked.await;
        assert!(reached.is_ok(), "the Pushgateway does not show what is expected, but:\n{last}");
        last
    }
}
