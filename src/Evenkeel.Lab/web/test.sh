#!/usr/bin/env bash
# test.sh [PAGE]: the tests of the web part, on PAGE (an index.html of evenkeel reproduce) or on a fixture. The last line counts them.
set -uo pipefail
cd "$(dirname "$0")"
skip() { echo "web: $1, tests skipped"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }

command -v node >/dev/null || skip "no Node"
page=${1:+$(realpath "$1")}
if [ -n "$page" ]; then node build.mjs --packages; else node build.mjs; fi
case $? in
  0) ;;
  3) skip "no packages" ;;
  *) echo "web: the bundle does not build" >&2; echo "0 passed, 1 failed, 0 skipped"; exit 1 ;;
esac
node tests/run.mjs $page
