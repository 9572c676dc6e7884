//! The admin API under schemathesis, which makes up requests from the document of the API, right and wrong ones, and holds the answers to it.

use std::process::Command;

use crate::operate::{Service, TOKEN, free_port};
use crate::python::python;
use crate::tool::Said;

/// Where the variable is 1, a machine on which schemathesis cannot be installed fails the test; elsewhere it is skipped.
const REQUIRE: &str = "WIREWORK_REQUIRE_SCHEMATHESIS";

/// What the document cannot say of bodies that it permits: that a level goes back after a day at most, and has a target that exists.
const NOT_SAID: &str = "positive_data_acceptance";

#[test]
fn made_up_requests_get_what_the_document_says() {
    let Some(python) = python("schemathesis", REQUIRE) else { return };
    let port = free_port();
    let service = Service::start(&format!("connection.port = {port}"));
    let run = |more: &[&str]| {
        let mut command = Command::new(&python);
        command.args(["-m", "schemathesis.cli", "run", "--checks", "all", "--exclude-checks", NOT_SAID]);
        // A stream of events ends with the service, and a service that is stopped answers nothing more.
        command.args(["--exclude-operation-id", "events", "--exclude-operation-id", "stop"]);
        command.args(["--seed", "7", "--max-examples", "25", "--no-color", "--max-failures", "5"]);
        command.args(more).arg(format!("http://127.0.0.1:{port}/admin/api/openapi.json"));
        // It would keep what it has found beside the sources.
        Said::by(command.current_dir(env!("CARGO_TARGET_TMPDIR")))
    };
    let said = run(&["--header", &format!("Authorization: Bearer {TOKEN}")]);
    assert_eq!(said.code, Some(0), "{said}");
    service.running.signal("TERM");
    assert_eq!(service.running.end().code, Some(0));
}
