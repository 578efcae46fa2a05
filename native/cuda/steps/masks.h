// Which elements of each model's delta a `task` keeps (engine/operations/sparsify.h), as masks on
// the device, for the range of a chunk.
#pragma once

#include "../../engine/operations/sparsify.h"
#include "sweep.h"

namespace weightloom::cuda {

struct MadeMask {
  const uint64_t* mask = nullptr;
  const float* factors = nullptr;  // of the elements; null when there are none
};

// Arrays that the masks of a chunk are made with, one model after the other.
class MaskRoom {
 public:
  explicit MaskRoom(Chunk& chunk) : chunk_(chunk) {}
  uint32_t* keys() { return once(keys_); }
  uint64_t* sorted() { return once(sorted_); }
  uint64_t* spare() { return once(spare_); }
  uint32_t* words() { return once(words_); }
  uint8_t* stays() { return once(stays_); }

 private:
  template <class T>
  T* once(T*& array) {
    if (array == nullptr) array = chunk_.lane().room_for<T>(chunk_.wide().n + 8);
    return array;
  }

  Chunk& chunk_;
  uint32_t* keys_ = nullptr;
  uint64_t* sorted_ = nullptr;
  uint64_t* spare_ = nullptr;
  uint32_t* words_ = nullptr;
  uint8_t* stays_ = nullptr;
};

class Masks {
 public:
  // `rescales`: the masks are asked for in a pass before the merge.
  Masks(const Sparsifier& sparsifier, bool rescales);

  Needs needs() const { return needs_; }
  // A chunk's part in the sweeps of all selections.
  void sweep(Chunk& chunk, Sparsifier& sparsifier) const;
  // The mask of model m, which drops something.
  MadeMask make(Chunk& chunk, size_t m, MaskRoom& room) const;

 private:
  using Keep = Sparsifier::Keep;

  void need(size_t m);
  const uint32_t* keys_of(Chunk& chunk, size_t m, uint32_t* keys) const;
  void outliers_mask(Chunk& chunk, size_t m, uint64_t* mask, MaskRoom& room) const;
  void random_mask(Chunk& chunk, size_t m, uint64_t* mask) const;
  const float* rank_mask(Chunk& chunk, size_t m, uint64_t* mask, MaskRoom& room) const;
  const uint32_t* words_of(Chunk& chunk, size_t m, MaskRoom& room) const;

  const Sparsifier& sparsifier_;
  Needs needs_;
};

}  // namespace weightloom::cuda
