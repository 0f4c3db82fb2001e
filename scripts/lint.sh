#!/usr/bin/env bash
# lint.sh: formatting, the state machines by npm asl-validator, the templates by
# cfn-lint. A missing tool is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=$(gofmt -l cmd internal functions infra events statemachines)
[ -z "$bad" ] || { echo "gofmt would change: $bad" >&2; exit 1; }
for f in statemachines/*.asl.json; do npx --no-install asl-validator --json-path "$f"; done
cfn=.cache/cfn-lint/bin/cfn-lint
[ -x "$cfn" ] || { echo "cfn-lint is missing: make ready" >&2; exit 1; }
"$cfn" --format parseable .cache/assembly/*.template.json
echo "lint: clean"
