// What one JavaScript environment (main thread or worker) holds: its jobs, and the one thread-safe
// function through which pool threads report that a job has ended.
//
// The function is made before the cleanup hook, so the hook, which runs first, may still use it.
// The hook cancels this environment's jobs and waits until no pool thread is inside one of them. On
// process.exit() no hook runs; then the jobs simply go down with the process.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "../engine/job.h"

namespace weightloom {

class Environment;

// A job that pool threads work on while JavaScript goes on.
struct PendingJob {
  PendingJob(std::unique_ptr<Job> engine_job, Napi::Env env)
      : job(std::move(engine_job)), deferred(Napi::Promise::Deferred::New(env)) {}

  std::unique_ptr<Job> job;
  Napi::Promise::Deferred deferred;               // touched on the JavaScript thread only
  std::vector<Napi::ObjectReference> keep_alive;  // likewise
  size_t workers = 0;                             // guarded by the environment's mutex
};

class Environment {
 public:
  static Environment& of(Napi::Env env);
  static void install(Napi::Env env);

  // Whether an ArrayBuffer may shrink. Runs no JavaScript of the user's.
  bool is_resizable(Napi::Value buffer) const;

  // Puts pool threads to work; false when there are none.
  bool launch(const std::shared_ptr<PendingJob>& pending, size_t threads);

 private:
  explicit Environment(Napi::Env env);
  static void on_cleanup(void* self);
  static void on_message(napi_env env, napi_value, void* self, void* message);
  void run_worker(const std::shared_ptr<PendingJob>& pending);
  void settle(Napi::Env env, const std::shared_ptr<PendingJob>& pending);

  napi_env env_;
  napi_threadsafe_function notify_ = nullptr;
  Napi::FunctionReference is_resizable_;  // the getter of ArrayBuffer.prototype, if it has one
  std::mutex mutex_;
  std::condition_variable left_;
  std::unordered_set<std::shared_ptr<PendingJob>> jobs_;
  size_t unsettled_ = 0;
};

// {results} or {code, message, step}: how a finished job is told to TypeScript.
Napi::Object outcome(Napi::Env env, const Job& job);
// Five words for each step.
Napi::Value result_words(Napi::Env env, const std::vector<StepResult>& results);

}  // namespace weightloom
