# The daily commands; `just` lists them. Each is one line that also works without `just`.

# Shows this list.
default:
    @just --list

# All tests, as README and CI run them.
test:
    cargo test --workspace

# Tests of one room: `just unit mqtt::driver`.
unit FILTER:
    cargo test -p wirework --lib {{FILTER}}

# What CI refuses: format and lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The first example with its own broker: `just telemetry -p MQTT_PORT=18890`.
telemetry *ARGS:
    cargo run --example telemetry -- {{ARGS}}

# Takes what snapshot tests print now as right; read the difference before you commit it.
snapshots *ARGS:
    INSTA_UPDATE=always cargo test {{ARGS}}

# The book, in target/book.
book:
    mdbook build docs --dest-dir ../target/book

# The pages of stock components, behind the first lines of the page that a test holds to the code.
components:
    cargo run -p wirework-container -- describe '*' --format markdown

# Whether the version permits what the public interface breaks, against a revision or a tag: `just semver v0.1.0`.
semver BASELINE:
    cargo semver-checks --workspace --baseline-rev {{BASELINE}}

# All that must pass, or single steps: `just ci format lint`.
ci *STEPS:
    .ci/run {{STEPS}}
