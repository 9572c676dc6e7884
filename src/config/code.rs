//! The codes of problems with a manifest or a configuration.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident,)*) => { $( $(#[$doc])* pub const $name: &str = stringify!($name); )* };
}

codes! {
    /// The text is not TOML, or a file is not UTF-8.
    BAD_SYNTAX,
    /// A file cannot be read.
    BAD_FILE,
    /// A configuration in code that cannot be read.
    BAD_CONFIG,
    /// A key that nobody reads.
    UNKNOWN_KEY,
    /// Two spellings of one key.
    DUPLICATE_KEY,
    /// A dotted key with an empty part, or one that is a value and a table at once.
    BAD_KEY,
    /// A value of another type than the key wants.
    WRONG_TYPE,
    /// A value of the right type that is not accepted.
    BAD_VALUE,
    /// A value that is accepted and most likely not what was meant.
    DOUBTFUL_VALUE,
    /// A required key that is not there.
    MISSING_KEY,
    /// Nothing says where to connect.
    NO_CONNECTION,
    /// A string that is no descriptor or no pattern.
    BAD_DESCRIPTOR,
    /// Two sections of one file with one descriptor.
    DUPLICATE_DESCRIPTOR,
    /// A parameter without value and default.
    UNSET_PARAMETER,
    /// A parameter that is not well-formed, or a file of one that cannot be read.
    BAD_PARAMETER,
    /// An included file that is not there.
    MISSING_INCLUDE,
    /// A file that includes itself.
    INCLUDE_CYCLE,
    /// Files that include each other deeper, or more of them, than is read.
    TOO_MANY_FILES,
    /// A manifest that is not there.
    NO_CONFIG_FILE,
    /// A secret that stands in the manifest itself.
    SECRET_IN_CLEAR,
    /// A file of secrets that others can read or write.
    EXPOSED_SECRET,
    /// A password that would cross the network in clear.
    PASSWORD_UNPROTECTED,
    /// A list of brokers of which some are reached with TLS and others without.
    MIXED_PROTECTION,
    /// A parameter that is given and not used.
    UNUSED_PARAMETER,
    /// A manifest without an enabled component.
    NO_COMPONENTS,
}
