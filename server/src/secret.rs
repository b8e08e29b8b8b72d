//! Arguments that must not be shown: passwords, and what ACL commands say of users. MONITOR and the
//! slow log show [`REDACTED`] instead, as Redis does.

use crate::config::is_sensitive;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};

/// What is shown instead of a secret.
pub const REDACTED: &[u8] = b"(redacted)";

/// Whether the command's `i`-th argument is a secret.
#[must_use]
pub fn is_secret(spec: &CommandSpec, args: Args<'_>, i: usize) -> bool {
    let option = |at: usize, word: &[u8]| args.get(at).is_some_and(|a| a.eq_ignore_ascii_case(word));
    match spec.id {
        CommandId::Auth => i > 0,
        CommandId::Hello => i > 2 && (option(i - 1, b"auth") || (i > 3 && option(i - 2, b"auth"))),
        CommandId::ConfigSet => i > 2 && i % 2 == 1 && is_sensitive(args.at(i - 1)),
        CommandId::AclSetuser | CommandId::AclGetuser | CommandId::AclDeluser => i > 1,
        CommandId::Migrate => {
            i > 6 && (option(i - 1, b"auth") || option(i - 1, b"auth2") || option(i - 2, b"auth2"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;
    use proto::command::resolve;

    #[test]
    fn passwords_are_secret_and_nothing_else_is() {
        for (line, secrets) in [
            ("auth pw", &[1][..]),
            ("auth user pw", &[1, 2]),
            ("hello 3 auth user pw setname n", &[3, 4]),
            ("hello 3 setname n", &[]),
            ("config set requirepass pw port 1 masterauth x", &[3, 7]),
            ("set auth pw", &[]),
            ("acl setuser u >pw", &[2, 3]),
            ("migrate h 1 k 0 5 auth pw", &[7]),
            ("migrate h 1 k 0 5 copy auth2 user pw", &[8, 9]),
        ] {
            let own = OwnedArgs::of(line.split(' ').collect::<Vec<_>>());
            let spec = resolve(own.args()).unwrap();
            let found: Vec<usize> =
                (0..own.args().len()).filter(|&i| is_secret(spec, own.args(), i)).collect();
            assert_eq!(found, secrets, "{line}");
        }
    }
}
