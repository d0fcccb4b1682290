# How a reader's shell differs in the tests. A page's commands follow, as they stand.
#
# `tegro localnet` of a page runs in the background, on free ports, where the reader has a terminal of its own for it; the
# commands after it go to that one. `make` shows what it would do: `make test` would begin this test again.
set -Eeuo pipefail

VENUE=
READY=$HOME/ready.json
AT="before the first block"

tegro() {
  case "${1-} ${2-}" in
    "localnet " | "localnet --"*) venue "$@" ;;
    *) command tegro "$@" ;;
  esac
}

venue() {
  leave
  rm -f "$READY"
  command tegro "$@" --port 0 --rpc-port 0 --ready-file "$READY" </dev/null >"$HOME/venue.log" 2>&1 &
  VENUE=$!
  until [ -s "$READY" ]; do
    kill -0 "$VENUE" 2>/dev/null || { cat "$HOME/venue.log" >&2; VENUE=; return 1; }
    sleep 0.1
  done
  TEGRO_LOCALNET_REST_URL=$(said rest_url)
  TEGRO_LOCALNET_RPC_URL=$(said rpc_url)
  TEGRO_PERPETUAL_LOCALNET_REST_URL=$TEGRO_LOCALNET_REST_URL
  export TEGRO_LOCALNET_REST_URL TEGRO_LOCALNET_RPC_URL TEGRO_PERPETUAL_LOCALNET_REST_URL
}

said() { python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$READY" "$1"; }

# Ctrl-C, as far as a process in the background can hear it; the localnet must end in order.
leave() {
  [ -z "$VENUE" ] || { kill "$VENUE"; wait "$VENUE"; }
  VENUE=
}

make() { command make --no-print-directory -C "$ROOT" -n "$@" >/dev/null; }

trap 'echo "stopped in $AT at: $BASH_COMMAND" >&2' ERR
trap 'leave' EXIT
