#!/bin/sh
# nohup(1) starts a program with SIGHUP ignored, and a program that does not touch SIGHUP survives its terminal. Node sets every signal back to
# its default before it runs a program: `nohup node server.js` ends at the first SIGHUP, also when the server never asked for signals. A shell
# script under the same nohup goes on.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ending() {
  nohup "$@" >out 2>&1 &
  pid=$!
  until grep -q ready out; do sleep 0.1; done
  kill -HUP "$pid"
  code=0
  wait "$pid" || code=$?
  echo "$code"
}
shell=$(ending sh -c 'echo ready; sleep 1; exit 0')
node=$(ending node -e 'console.log("ready"); setTimeout(() => process.exit(0), 1000)')
echo "Node $(node --version): under nohup a SIGHUP ends a shell with code $shell, and node with code $node (128 + SIGHUP)"
[ "$shell" = 0 ] && [ "$node" = 129 ]
