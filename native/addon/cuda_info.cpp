#include "cuda_info.h"

#include "../cuda/device.h"

namespace weightloom {
namespace {

Napi::Object device_info(Napi::Env env, const cuda::Driver& driver, int ordinal) {
  Napi::Object out = Napi::Object::New(env);
  try {
    const cuda::Device::Facts facts = cuda::device_facts(driver, ordinal);
    out.Set("name", facts.name);
    out.Set("capability", facts.capability);
    out.Set("memory", static_cast<double>(facts.memory));
    const cuda::Device& device = cuda::device_at(driver, ordinal);
    out.Set("image", device.image());
    if (!device.passed_over().empty()) out.Set("passedOver", device.passed_over());
  } catch (const JobError& error) {
    out.Set("reason", error.message);
  }
  return out;
}

}  // namespace

Napi::Value cuda_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const cuda::FoundDriver& found = cuda::find_driver();
  Napi::Object out = Napi::Object::New(env);
  Napi::Array devices = Napi::Array::New(env);
  out.Set("library", found.library);
  out.Set("version", found.version);
  out.Set("devices", devices);
  if (found.driver == nullptr) {
    out.Set("reason", found.reason);
    return out;
  }
  const cuda::KeptContext kept(*found.driver);
  try {
    const int count = cuda::device_count(*found.driver);
    for (int i = 0; i < count; ++i) {
      devices.Set(static_cast<uint32_t>(i), device_info(env, *found.driver, i));
    }
    if (count == 0) out.Set("reason", "the CUDA driver finds no GPU");
  } catch (const JobError& error) {
    out.Set("reason", error.message);
  }
  return out;
}

}  // namespace weightloom
