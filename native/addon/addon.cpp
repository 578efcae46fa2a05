// The Node-API surface. Arguments in, outcomes out; no arithmetic and no policy. The typed contract
// of what is exported here is lib/run/addon.ts.
#include <napi.h>

#include <cstring>

#include "../engine/hash.h"
#include "../targets/dispatch.h"
#include "cuda_info.h"
#include "environment.h"
#include "job_handle.h"

namespace weightloom {
namespace {

Napi::Object failure(Napi::Env env, const FileError& error) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("code", error.is_full() ? "NO_SPACE" : "WRITE_FAILED");
  out.Set("message",
          error.path + ": " + error.operation + ": " + std::strerror(error.error_number));
  return out;
}

// reserve(path, size): undefined, or {code, message}.
Napi::Value reserve(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsString() || !info[1].IsNumber()) {
    throw Napi::TypeError::New(env, "reserve(path, size)");
  }
  const double size = info[1].As<Napi::Number>().DoubleValue();
  if (!(size >= 0 && size <= 9007199254740991.0)) throw Napi::TypeError::New(env, "size");
  try {
    reserve_file(info[0].As<Napi::String>().Utf8Value(), static_cast<uint64_t>(size));
    return env.Undefined();
  } catch (const FileError& error) {
    return failure(env, error);
  }
}

// exchange(a, b): whether the two paths changed places, or {code, message}.
Napi::Value exchange(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsString() || !info[1].IsString()) {
    throw Napi::TypeError::New(env, "exchange(a, b)");
  }
  try {
    return Napi::Boolean::New(env, exchange_paths(info[0].As<Napi::String>().Utf8Value(),
                                                  info[1].As<Napi::String>().Utf8Value()));
  } catch (const FileError& error) {
    return failure(env, error);
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  Environment::install(env);
  Napi::Array targets = Napi::Array::New(env);
  uint32_t count = 0;
  for (const KernelTable* table : runnable_targets()) targets.Set(count++, table->name);
  exports.Set("version", WEIGHTLOOM_VERSION);
  exports.Set("targets", targets);
  exports.Set("start", Napi::Function::New(env, start_job));
  exports.Set("run", Napi::Function::New(env, run_job));
  exports.Set("reserve", Napi::Function::New(env, reserve));
  exports.Set("exchange", Napi::Function::New(env, exchange));
  exports.Set("cuda", Napi::Function::New(env, cuda_info));
  return exports;
}

}  // namespace
}  // namespace weightloom

static Napi::Object init_module(Napi::Env env, Napi::Object exports) {
  return weightloom::init(env, exports);
}

NODE_API_MODULE(weightloom, init_module)
