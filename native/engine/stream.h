// Copying past the caches: what is written and not read again soon need not be fetched first, which
// a plain store does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weightloom {

// As memcpy; without streaming stores it is that. Other threads see the bytes after `end_streams`.
void stream_out(uint8_t* to, const uint8_t* from, size_t n);
void end_streams();

// Output of so many bytes does not stay in the caches.
constexpr uint64_t kStreamedBytes = uint64_t{1} << 24;

// Processors read ahead within a page only, and so from more pages at once: a copy goes through
// its range in several places, by pieces that stay in the innermost cache.
constexpr size_t kStreamedPiece = 2048;
constexpr size_t kStreams = 4;

// Pieces of `step` from `ways` parts in turn, then what is left.
template <class Visit>
void in_turn(size_t n, size_t step, size_t ways, const Visit& visit) {
  const size_t part = n / ways / step * step;
  for (size_t at = 0; at < part; at += step) {
    for (size_t way = 0; way < ways; ++way) visit(way * part + at, step);
  }
  for (size_t at = ways * part; at < n; at += step) visit(at, std::min(step, n - at));
}

}  // namespace weightloom
