#!/usr/bin/env bash
# fuzz.sh runs every fuzz test for FUZZTIME (20s), one after another; FUZZ limits it to
# names that contain that text. What breaks a test stays as a seed in testdata/.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${FUZZTIME:=20s}" "${FUZZ:=}"
grep -rno '^func Fuzz[A-Za-z0-9]*' --include='*_test.go' events internal |
	sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz.*)$|\1 \2|' | sort |
	while read -r dir name; do
		case "$name" in *"$FUZZ"*) ;; *) continue ;; esac
		echo "fuzz $dir $name $FUZZTIME"
		"${GO:-go}" test "./$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 2s </dev/null
	done
