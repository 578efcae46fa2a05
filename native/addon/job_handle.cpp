#include "job_handle.h"

#include <condition_variable>
#include <mutex>

#include "../cuda/accelerator.h"
#include "../engine/pool.h"
#include "../targets/dispatch.h"
#include "environment.h"

namespace weightloom {
namespace {

constexpr uint32_t kMaxThreads = 1024;

JobError malformed_options() { return {"ARGUMENT", "malformed options"}; }

Napi::Object error_outcome(Napi::Env env, const JobError& error) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("code", error.code);
  out.Set("message", error.message);
  out.Set("step", Napi::Number::New(env, -1));
  return out;
}

// Bytes of a typed array, over an ArrayBuffer or a SharedArrayBuffer; none when it is detached.
struct Bytes {
  uint8_t* data;
  size_t size;
  napi_value buffer;
};

Bytes bytes_of(Napi::Value value) {
  if (!value.IsTypedArray()) throw JobError{"ARGUMENT", "a typed array was expected"};
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  const napi_env env = value.Env();
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, nullptr) != napi_ok) {
    throw JobError{"ARGUMENT", "a typed array was expected"};
  }
  const size_t width = value.As<Napi::TypedArray>().ElementSize();
  return {static_cast<uint8_t*>(data), length * width, buffer};
}

Job::Place read_place(Napi::Value value, const WireFile& file, bool later,
                      std::vector<Napi::Object>& memories) {
  Job::Place place;
  if (file.nowhere) return place;
  if (!file.memory) {
    if (!value.IsString()) throw JobError{"ARGUMENT", "a path was expected"};
    place.path = value.As<Napi::String>().Utf8Value();
    if (place.path.find('\0') != std::string::npos) {
      throw JobError{"ARGUMENT", "a path holds a NUL character"};
    }
    return place;
  }
  const Bytes bytes = bytes_of(value);
  if (bytes.size != file.size) throw JobError{"ARGUMENT", "a typed array's size differs"};
  const Napi::Env env = value.Env();
  if (later && Environment::of(env).is_resizable(Napi::Value(env, bytes.buffer))) {
    throw JobError{"ARGUMENT", "a resizable buffer could shrink while the job runs"};
  }
  place.memory = bytes.data;
  memories.push_back(value.As<Napi::Object>());
  return place;
}

// Reading a list can run JavaScript, which can take memory away: so all of it is read before the
// first pointer is taken.
std::vector<Job::Place> read_places(Napi::Array list, const WireJob& wire, bool later,
                                    std::vector<Napi::Object>& memories) {
  const size_t sources = wire.sources.size();
  const size_t count = sources + wire.outputs.size();
  if (list.Length() != count) {
    throw JobError{"ARGUMENT", "one place for each source and output was expected"};
  }
  std::vector<Napi::Value> values;
  for (uint32_t i = 0; i < count; ++i) values.push_back(list.Get(i));
  std::vector<Job::Place> places;
  for (size_t i = 0; i < count; ++i) {
    const WireFile& file = i < sources ? wire.sources[i] : wire.outputs[i - sources];
    places.push_back(read_place(values[i], file, later, memories));
  }
  return places;
}

uint64_t read_bytes(Napi::Value value) {
  const double bytes = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1.0;
  if (!(bytes >= 0 && bytes <= 9007199254740991.0)) throw malformed_options();
  return static_cast<uint64_t>(bytes);
}

// cuda: undefined, or the most bytes of device memory, 0 for no bound.
std::shared_ptr<Accelerator> read_accelerator(Napi::Value cuda, size_t threads) {
  if (cuda.IsUndefined()) return nullptr;
  return cuda::make_accelerator({.max_device_memory = read_bytes(cuda), .threads = threads});
}

JobOptions read_options(Napi::Object options, size_t& threads) {
  const Napi::Value isa = options.Get("isa");
  const Napi::Value count = options.Get("threads");
  if (!isa.IsString() || !count.IsNumber()) throw malformed_options();
  const KernelTable* kernels = find_target(isa.As<Napi::String>().Utf8Value());
  if (kernels == nullptr) throw JobError{"BACKEND", "this machine cannot run that target"};
  threads = count.As<Napi::Number>().Uint32Value();
  if (threads < 1 || threads > kMaxThreads) throw JobError{"ARGUMENT", "threads out of range"};
  const uint64_t spare = read_bytes(options.Get("spare"));
  return {kernels,
          options.Get("map").ToBoolean(),
          options.Get("sync").ToBoolean(),
          threads,
          read_accelerator(options.Get("cuda"), threads),
          spare};
}

// whole(known): {outputs, results} when more than `known` outputs are whole, else undefined.
Napi::Value whole_outputs(const Napi::CallbackInfo& call, Job& job) {
  const Napi::Env env = call.Env();
  const uint32_t known = call[0].IsNumber() ? call[0].As<Napi::Number>().Uint32Value() : 0;
  const Job::Whole whole = job.whole(known);
  if (whole.outputs.empty()) return env.Undefined();
  Napi::Array outputs = Napi::Array::New(env);
  for (uint32_t i = 0; i < whole.outputs.size(); ++i) outputs.Set(i, whole.outputs[i]);
  Napi::Object out = Napi::Object::New(env);
  out.Set("outputs", outputs);
  out.Set("results", result_words(env, whole.results));
  return out;
}

}  // namespace

JobRequest read_request(const Napi::CallbackInfo& info, bool later) {
  if (info.Length() != 3 || !info[0].IsTypedArray() || !info[1].IsArray() || !info[2].IsObject()) {
    throw JobError{"ARGUMENT", "(wire, places, options) were expected"};
  }
  const Bytes words = bytes_of(info[0]);
  if (words.size % 8 != 0) throw JobError{"ARGUMENT", "malformed job: odd length"};
  if (words.data == nullptr) throw JobError{"ARGUMENT", "malformed job: no memory"};
  WireJob wire = read_wire(words.data, words.size / 8);
  JobRequest request;
  const JobOptions options = read_options(info[2].As<Napi::Object>(), request.threads);
  const auto places = read_places(info[1].As<Napi::Array>(), wire, later, request.memories);
  request.job = std::make_unique<Job>(std::move(wire), places, options);
  return request;
}

Napi::Value run_job(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const JobRequest request = read_request(info, false);
    struct Helpers {
      std::mutex mutex;
      std::condition_variable left;
      size_t running = 0;
    } helpers;
    helpers.running = request.threads - 1;
    const size_t promised = helpers.running == 0 ? 0 : pool_run(helpers.running, [&] {
      request.job->work();
      const std::lock_guard lock(helpers.mutex);
      --helpers.running;
      helpers.left.notify_all();
    });
    request.job->work();
    std::unique_lock lock(helpers.mutex);
    if (promised > 0) helpers.left.wait(lock, [&] { return helpers.running == 0; });
    request.job->finish();
    return outcome(env, *request.job);
  } catch (const JobError& error) {
    return error_outcome(env, error);
  }
}

Napi::Value start_job(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object handle = Napi::Object::New(env);
  try {
    JobRequest request = read_request(info, true);
    const size_t threads = request.threads;
    auto pending = std::make_shared<PendingJob>(std::move(request.job), env);
    for (const auto& memory : request.memories) {
      pending->keep_alive.push_back(Napi::Persistent(memory));
    }
    handle.Set("promise", pending->deferred.Promise());
    handle.Set("progress", Napi::Function::New(env, [pending](const Napi::CallbackInfo& call) {
                 return Napi::Number::New(call.Env(),
                                          static_cast<double>(pending->job->bytes_done()));
               }));
    handle.Set("whole", Napi::Function::New(env, [pending](const Napi::CallbackInfo& call) {
                 return whole_outputs(call, *pending->job);
               }));
    handle.Set("cancel", Napi::Function::New(env, [pending](const Napi::CallbackInfo&) {
                 pending->job->cancel();
               }));
    if (!Environment::of(env).launch(pending, threads)) {
      pending->keep_alive.clear();
      throw JobError{"BACKEND", "the system refuses to start a thread"};
    }
  } catch (const JobError& error) {
    const auto settled = Napi::Promise::Deferred::New(env);
    settled.Resolve(error_outcome(env, error));
    handle.Set("promise", settled.Promise());
    handle.Set("progress", Napi::Function::New(env, [](const Napi::CallbackInfo& call) {
                 return Napi::Number::New(call.Env(), 0);
               }));
    handle.Set("whole", Napi::Function::New(env, [](const Napi::CallbackInfo& call) {
                 return call.Env().Undefined();
               }));
    handle.Set("cancel", Napi::Function::New(env, [](const Napi::CallbackInfo&) {}));
  }
  return handle;
}

}  // namespace weightloom
