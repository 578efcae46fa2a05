// What there is of CUDA, for JavaScript.
#pragma once

#include <napi.h>

namespace weightloom {

// cuda(): {library, version, reason?, devices}; each GPU that can be used has been made ready.
Napi::Value cuda_info(const Napi::CallbackInfo& info);

}  // namespace weightloom
