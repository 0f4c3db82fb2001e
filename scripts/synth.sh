#!/usr/bin/env bash
# synth.sh writes the templates that `npx cdk deploy` would ship into
# .cache/assembly, without compiling the functions for Lambda: the rehearsal
# runs the handlers in process. It does nothing when no source is newer.
set -euo pipefail
cd "$(dirname "$0")/.."
out=.cache/assembly
stamp="$out/.stamp"
if [ -f "$stamp" ] && [ -z "$(find infra internal/config internal/names internal/keypolicy statemachines events dbferry.json cdk.json go.mod -newer "$stamp" -type f -print -quit)" ]; then
  exit 0
fi
start=$(date +%s)
printf 'templates (compiles the CDK app the first time, about a minute) … '
rm -rf "$out" && mkdir -p "$out"
if ! DBFERRY_STUB_ASSETS=1 CDK_OUTDIR="$out" go run ./infra >.cache/synth.log 2>&1; then
  echo failed; cat .cache/synth.log >&2; exit 1
fi
touch "$stamp"
echo "$(( $(date +%s) - start )) s"
