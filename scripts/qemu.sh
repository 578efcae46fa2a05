#!/usr/bin/env bash
# Runs the native tests and the parity tests on processors that this machine is not, under QEMU.
#
#   scripts/qemu.sh arm64 [CPU...]    cross build for linux-arm64; default: cortex-a72 max
#   scripts/qemu.sh x64 [CPU...]      default: Nehalem (scalar) and Haswell (AVX2)
#
# Arguments after -- go to vitest (`-- -t slerp`). Works in build-qemu-ARCH/ and a temporary folder;
# takes some ten minutes for each CPU.
#
# Needs (Debian): cmake, ninja-build, qemu-user-static; for arm64 also g++-aarch64-linux-gnu and
# libstdc++-12-dev-arm64-cross.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=${1:-}
shift || true
cpus=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  cpus+=("$1")
  shift
done
[ $# -eq 0 ] || shift

case $arch in
arm64)
  [ ${#cpus[@]} -gt 0 ] || cpus=(cortex-a72 max)
  qemu=(qemu-aarch64-static -L /usr/aarch64-linux-gnu)
  tools=(CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ AR=aarch64-linux-gnu-ar)
  cross=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++)
  ;;
x64)
  [ ${#cpus[@]} -gt 0 ] || cpus=(Nehalem Haswell)
  qemu=(qemu-x86_64-static)
  tools=()
  cross=()
  ;;
*)
  sed -n '2,11s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac

node_version=20.19.6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s (after %ds)\n' "$1" "$SECONDS"; }

step "native tests: build"
build=build-qemu-$arch
cmake -S . -B "$build" -G Ninja "${cross[@]}" \
  "-DCMAKE_CROSSCOMPILING_EMULATOR=$(IFS=';' && printf '%s' "${qemu[*]}")"
cmake --build "$build" --parallel

step "project copy with $arch dependencies and Node"
mkdir "$work/project" "$work/node"
git ls-files --cached --others --exclude-standard -z |
  while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
  tar --null --files-from=- -cf - | tar -xf - -C "$work/project"
cd "$work/project"
npm install --no-save --ignore-scripts --no-audit --no-fund --cpu="$arch" --os=linux --libc=glibc
(cd "$work" && npm pack --silent "node-linux-$arch@$node_version")
tar -xzf "$work/node-linux-$arch-"*.tgz -C "$work/node" --strip-components=1
# The headers beside the running Node serve any architecture.
prefix=$(node -p 'require("path").resolve(process.execPath, "../..")')
if [ -e "$prefix/include/node/node_api.h" ]; then
  export npm_package_config_node_gyp_nodedir=$prefix
fi

step "addon: build"
env "${tools[@]}" node node_modules/node-gyp/bin/node-gyp.js rebuild "--arch=$arch" -j max --silent
cd "$OLDPWD"

emulated=("${qemu[@]}" "$work/node/bin/node")
targets='require("node-gyp-build")(process.cwd()).targets.join()'

if [ "$arch" = x64 ]; then
  step "AVX2 without the system saving its registers: scalar"
  (cd "$work/project" && test "$(QEMU_CPU=Haswell,-xsave "${emulated[@]}" -p "$targets")" = scalar)
fi

for cpu in "${cpus[@]}"; do
  export QEMU_CPU=$cpu
  step "$cpu: native tests"
  for test in "$build"/*_test; do
    "${qemu[@]}" "$test" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
    printf '%s passed\n' "$(basename "$test")"
  done
  step "$cpu: parity tests"
  (
    cd "$work/project"
    "${emulated[@]}" -p "\`\${process.arch} \${process.version}: \` + $targets"
    # Native code does not see what a thread of Node puts into its environment.
    export WEIGHTLOOM_CUDA_DRIVER=$OLDPWD/$build/libcuda_mock.so
    "${emulated[@]}" node_modules/vitest/vitest.mjs run --pool=threads --testTimeout=900000 \
      test/parity "$@"
  )
done
step "done"
