#!/bin/sh
# Cargo runs this in place of rustc (.cargo/config.toml): `rustc.sh PROGRAM ARGUMENTS`. Optimised builds get the profile of warm
# calls, which makes the gateway a fifth faster. Only the compiler that the profile was recorded with can read it; other compilers
# build without it. See docs/decisions/0017-profile-guided-builds.md.
here=$(dirname "$0")
all=" $* "
case "$all" in
*" opt-level="[s3]" "*)
    # What cargo makes of features, dependencies and settings, and a part of the names of all functions.
    build=${all#* metadata=}
    build=${build%% *}
    case "$all" in
    *" --crate-name gateway "*" --crate-type lib "*) is_gateway=1 ;;
    *) is_gateway= ;;
    esac
    if [ -n "${IDP_GATEWAY_RECORD:-}" ]; then
        set -- "$@" "-Cprofile-generate=$IDP_GATEWAY_RECORD"
        [ -z "$is_gateway" ] || echo "$build" >>"$IDP_GATEWAY_RECORD.builds"
    elif [ -f "$here/calls.profdata" ] && [ "$(rustc -V)" = "$(cat "$here/rustc-version")" ]; then
        set -- "$@" "-Cprofile-use=$here/calls.profdata" -Cllvm-args=-no-pgo-warn-mismatch
        # Code that calls do not run is optimised for size, and inlined less: the profile says what is worth more.
        set -- "$@" -Cllvm-args=-pgso-lwss-only=false -Cllvm-args=-inline-threshold=50
        if [ -n "$is_gateway" ] && ! grep -qx "$build" "$here/builds"; then
            echo "warning: the profile of warm calls was recorded with other dependencies or features: cargo xtask profile" >&2
        fi
        # LLD mixes the functions that calls run with all others unless it is told to keep them together. Other linkers keep them.
        case "$(uname)$all" in
        "Linux "*" --crate-type bin "*) set -- "$@" -Clink-arg=-Wl,-z,keep-text-section-prefix ;;
        esac
    fi
    ;;
esac
# The list of dependencies for `cargo xtask binary`. cargo-auditable would make itself RUSTC_WORKSPACE_WRAPPER, whose path becomes a part
# of the names too: the profile would know no function of the workspace in another folder.
case "$all" in
*" --crate-type bin "*) [ -z "${IDP_GATEWAY_AUDITABLE:-}" ] || set -- "$IDP_GATEWAY_AUDITABLE" "$@" ;;
esac
exec "$@"
