#!/bin/sh
# Cargo runs this in place of rustc (.cargo/config.toml): `rustc.sh PROGRAM ARGUMENTS`. Optimised builds get the profile of warm
# calls, which makes the gateway a fifth faster. Only the compiler that the profile was recorded with can read it; other compilers
# build without it. See docs/decisions/0017-profile-guided-builds.md.
here=$(dirname "$0")
case " $* " in
*" opt-level="[s3]" "*)
    if [ -n "${IDP_GATEWAY_RECORD:-}" ]; then
        set -- "$@" "-Cprofile-generate=$IDP_GATEWAY_RECORD"
    elif [ -f "$here/calls.profdata" ] && [ "$(rustc -V)" = "$(cat "$here/rustc-version")" ]; then
        set -- "$@" "-Cprofile-use=$here/calls.profdata" -Cllvm-args=-no-pgo-warn-mismatch
        # LLD mixes the functions that calls run with all others unless it is told to keep them together. Other linkers keep them.
        case "$(uname) $*" in
        "Linux "*" --crate-type bin "*) set -- "$@" -Clink-arg=-Wl,-z,keep-text-section-prefix ;;
        esac
    fi
    ;;
esac
exec "$@"
