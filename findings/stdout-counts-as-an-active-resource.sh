#!/bin/sh
# process.getActiveResourcesInfo() is documented as "the active resources that are currently keeping the event loop alive". It also
# names process.stdout and process.stderr, once the process has used them and they are pipes, although a process with nothing else ends at
# once.
# Exits with 1 when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/program.cjs" <<'PROGRAM'
process.stdout.write('');
process.stderr.write('');
const began = Date.now();
console.log(JSON.stringify(process.getActiveResourcesInfo()));
process.on('exit', () => console.log(`ended by itself after ${Date.now() - began} ms`));
PROGRAM
echo "node $(node --version): stdout and stderr are pipes, and nothing else is open"
seen=$(timeout 10 node "$folder/program.cjs" 2>&1 | cat)
echo "$seen"
case $seen in
  *'["PipeWrap","PipeWrap"]'*'ended by itself after'*) echo 'As found: two resources are named that keep nothing alive.' ;;
  *) echo 'CHANGED'; exit 1 ;;
esac
