#include "environment.h"

#include "../engine/pool.h"

namespace weightloom {
namespace {

using Message = std::shared_ptr<PendingJob>;

}  // namespace

Environment::Environment(Napi::Env env) : env_(env) {
  const auto prototype = env.Global().Get("ArrayBuffer").As<Napi::Object>().Get("prototype");
  const auto describe =
      env.Global().Get("Object").As<Napi::Object>().Get("getOwnPropertyDescriptor");
  const Napi::Value found =
      describe.As<Napi::Function>().Call({prototype, Napi::String::New(env, "resizable")});
  if (found.IsObject()) {
    is_resizable_ = Napi::Persistent(found.As<Napi::Object>().Get("get").As<Napi::Function>());
  }
  const Napi::String name = Napi::String::New(env, "weightloom");
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                      &Environment::on_message, &notify_);
  if (status != napi_ok) throw Napi::Error::New(env, "cannot create a thread-safe function");
  napi_unref_threadsafe_function(env, notify_);
}

// Never freed: a pool thread may be leaving run_worker when the environment is gone.
void Environment::install(Napi::Env env) {
  auto* self = new Environment(env);
  napi_set_instance_data(env, self, nullptr, nullptr);
  napi_add_env_cleanup_hook(env, &Environment::on_cleanup, self);
}

Environment& Environment::of(Napi::Env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

bool Environment::is_resizable(Napi::Value buffer) const {
  if (is_resizable_.IsEmpty() || !buffer.IsArrayBuffer()) return false;
  return is_resizable_.Value().Call(buffer, {}).ToBoolean();
}

void Environment::on_cleanup(void* data) {
  auto* self = static_cast<Environment*>(data);
  std::unique_lock lock(self->mutex_);
  for (const auto& pending : self->jobs_) pending->job->cancel();
  self->left_.wait(lock, [&] {
    for (const auto& pending : self->jobs_) {
      if (pending->workers > 0) return false;
    }
    return true;
  });
  napi_release_threadsafe_function(self->notify_, napi_tsfn_abort);
  self->notify_ = nullptr;
}

bool Environment::launch(const std::shared_ptr<PendingJob>& pending, size_t threads) {
  {
    const std::lock_guard lock(mutex_);
    pending->workers = threads;
    jobs_.insert(pending);
  }
  const size_t promised = pool_run(threads, [this, pending] { run_worker(pending); });
  const std::lock_guard lock(mutex_);
  if (promised == 0) {
    pending->workers = 0;
    jobs_.erase(pending);
    return false;
  }
  if (unsettled_++ == 0) napi_ref_threadsafe_function(env_, notify_);
  return true;
}

// On a pool thread.
void Environment::run_worker(const std::shared_ptr<PendingJob>& pending) {
  pending->job->work();
  {
    const std::lock_guard lock(mutex_);
    if (pending->workers > 1) {
      --pending->workers;
      return;
    }
  }
  pending->job->finish();
  const std::lock_guard lock(mutex_);
  pending->workers = 0;
  if (notify_ != nullptr) {
    auto* message = new Message(pending);
    if (napi_call_threadsafe_function(notify_, message, napi_tsfn_nonblocking) != napi_ok) {
      delete message;
    }
  }
  left_.notify_all();
}

// On the JavaScript thread; `raw` is null while the environment is torn down.
void Environment::on_message(napi_env raw, napi_value, void* self, void* data) {
  const std::unique_ptr<Message> message(static_cast<Message*>(data));
  if (raw == nullptr) return;
  const Napi::Env env(raw);
  const Napi::HandleScope scope(env);
  try {
    static_cast<Environment*>(self)->settle(env, *message);
  } catch (const Napi::Error&) {
    // A worker that is being terminated runs no JavaScript; nobody is left to be told.
  }
}

void Environment::settle(Napi::Env env, const std::shared_ptr<PendingJob>& pending) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.erase(pending);
    if (--unsettled_ == 0) napi_unref_threadsafe_function(env_, notify_);
  }
  pending->keep_alive.clear();
  pending->deferred.Resolve(outcome(env, *pending->job));
}

Napi::Object outcome(Napi::Env env, const Job& job) {
  Napi::Object out = Napi::Object::New(env);
  if (job.failed()) {
    out.Set("code", job.error().code);
    out.Set("message", job.error().message);
    out.Set("step", Napi::Number::New(env, static_cast<double>(job.failed_step())));
    return out;
  }
  out.Set("results", result_words(env, job.results()));
  out.Set("accelerated", Napi::Number::New(env, static_cast<double>(job.steps_accelerated())));
  return out;
}

Napi::Value result_words(Napi::Env env, const std::vector<StepResult>& results) {
  auto words = Napi::BigUint64Array::New(env, results.size() * 5);
  for (size_t i = 0; i < results.size(); ++i) {
    const StepResult& r = results[i];
    const uint64_t row[5] = {r.digest, r.nonfinite.nan_from_input, r.nonfinite.nan_born,
                             r.nonfinite.overflow_from_input, r.nonfinite.overflow_born};
    for (size_t k = 0; k < 5; ++k) words[i * 5 + k] = row[k];
  }
  return words;
}

}  // namespace weightloom
