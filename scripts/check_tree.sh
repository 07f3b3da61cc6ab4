#!/usr/bin/env bash
# Fails where a file of the repository is over 16 MB, or names a package registry's host or a path of the machine that
# it was written on. Looks at tracked files and at new ones that git does not ignore.
set -euo pipefail
cd "$(dirname "$0")/.."

limit=$((16 * 1024 * 1024))
hosts='(pypi|pythonhosted|npmjs|debian)\.(org|com)|download\.pytorch\.org|https?://[^ ]*/(simple|packages)/'
options='(^|[[:space:]])--((extra-)?index-url|find-links|trusted-host)([ =]|$)'
paths='(^|[^[:alnum:]_./~-])/(work|root|opt|mnt|srv|home/[a-z]+)/'

failed=0
complain() {
  echo "check_tree: $1" >&2
  sed 's/^/  /' <<<"$2" | cut -c1-200 >&2
  failed=1
}

large=$(git ls-files -z --cached --others --exclude-standard | xargs -0 -r stat -c '%s %n' 2>/dev/null |
  awk -v limit="$limit" '$1 > limit' || true)
[ -z "$large" ] || complain "files over 16 MB:" "$large"

# This file is left out: it holds the patterns.
for pattern in "$hosts" "$options" "$paths"; do
  found=$(git grep -nIE --untracked -e "$pattern" -- . ':!scripts/check_tree.sh' || true)
  [ -z "$found" ] || complain "names a package registry's host or a path of this machine:" "$found"
done

exit "$failed"
