#!/usr/bin/env bash
# Compiles the engine and the native tests for win32-x64 with MinGW-w64, and runs them under Wine
# where it is installed. The addon itself is compiled but not linked: that takes Node's own library,
# and is left to the workflow, as is Microsoft's compiler.
#
# Needs (Debian): cmake, ninja-build, g++-mingw-w64-x86-64-posix; to run also wine64.
set -euo pipefail
cd "$(dirname "$0")/.."

build=build-win32
# GCC on Windows keeps the stack aligned to 16 bytes only, and moves 32 as if it were to 32.
unaligned=-Wa,-muse-unaligned-vector-move

cmake -S . -B "$build" -G Ninja \
  -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=AMD64 \
  -DCMAKE_CXX_COMPILER=x86_64-w64-mingw32-g++-posix \
  "-DCMAKE_CXX_FLAGS=-Werror -D_WIN32_WINNT=0x0A00 -DNOMINMAX -DWIN32_LEAN_AND_MEAN $unaligned" \
  "-DCMAKE_EXE_LINKER_FLAGS=-static"
cmake --build "$build" --parallel "${JOBS:-2}"

headers=$(node -p 'require("path").resolve(process.execPath, "../../include/node")')
addon=$(node -p 'require("node-addon-api").include_dir')
for source in native/addon/*.cpp; do
  x86_64-w64-mingw32-g++-posix -std=c++20 -fsyntax-only -Wall -Wextra -Werror \
    -Wno-missing-field-initializers -Wno-cast-function-type -I"$addon" -I"$headers" \
    -D_WIN32_WINNT=0x0A00 -DNOMINMAX -DWIN32_LEAN_AND_MEAN -DNAPI_VERSION=9 \
    -DNAPI_CPP_EXCEPTIONS -DNODE_ADDON_API_CPP_EXCEPTIONS_ALL -DNODE_ADDON_API_DISABLE_DEPRECATED \
    -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS '-DWEIGHTLOOM_VERSION="0"' "$source"
  echo "compiles: $source"
done

wine=$(command -v wine64 || command -v wine || command -v /usr/lib/wine/wine64 || true)
if [ -z "$wine" ]; then
  echo "compiled; not run, because wine is missing"
  exit 0
fi
WINEPREFIX=$(mktemp -d)
export WINEPREFIX WINEDEBUG=-all
trap 'rm -rf "$WINEPREFIX"' EXIT

for test in "$build"/*_test.exe; do
  "$wine" "$test" >"$WINEPREFIX/log" 2>&1 || { cat "$WINEPREFIX/log" && echo "$test failed" && exit 1; }
  echo "$(basename "$test") passed"
done
