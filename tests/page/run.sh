#!/usr/bin/env bash
# Makes reports and looks at them in headless Chromium (check.mjs). Leaves pictures of first screens, and PDFs, in
# target/page-check/shots.
#   run.sh TILTMETER     the program; installs Chromium (Debian, as root) and two npm packages where it may
# Ends with status 0 and a sentence where there is no browser or no node.
set -euo pipefail
program=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work="$here/../../target/page-check"
mkdir -p "$work" && cd "$work"

skip() {
    echo "skipped: the report's page in a browser ($1)"
    exit 0
}

command -v node >/dev/null && command -v npm >/dev/null || skip "no node and npm"
if ! command -v chromium >/dev/null && [ -z "${CHROMIUM:-}" ]; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            chromium fonts-dejavu-core >/dev/null; } || skip "Chromium cannot be installed"
    else
        skip "no Chromium"
    fi
fi
if [ ! -d node_modules/axe-core ] || [ ! -d node_modules/puppeteer-core ]; then
    npm install --silent --no-audit --no-fund --no-save --prefix . axe-core@4.14.1 puppeteer-core@25.16.0 ||
        skip "axe-core and puppeteer-core cannot be had"
fi

node "$here/table.mjs" large.csv large.toml
"$program" demo >/dev/null && mv tiltmeter-demo.html demo.html
"$program" report --items large.csv --settings large.toml --out large.html
# One country over another by the same amount everywhere: no interval anywhere.
{
    head -1 large.csv
    for type in border cyber trade; do
        echo "only,en,main,China,USA,${type}_v1,$type,justified,2,2,2,0.99"
        echo "only,en,main,China,USA,${type}_v1,$type,unjustified,-2,-2,-2,0.99"
    done
} >constant.csv
"$program" report --items constant.csv --out constant.html
node "$here/check.mjs" node_modules shots demo.html large.html constant.html
