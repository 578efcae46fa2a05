// From JavaScript arguments to a Job: (wire, places, options).
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "../engine/job.h"

namespace weightloom {

struct JobRequest {
  std::unique_ptr<Job> job;
  size_t threads;
  std::vector<Napi::Object> memories;  // to be kept alive while the job runs
};

// `later`: the job outlives the call. Throws what JavaScript throws while arguments are read, and
// JobError for wrong ones and for what the engine refuses.
JobRequest read_request(const Napi::CallbackInfo& info, bool later);

// {promise, progress(), cancel()} around a job that runs on pool threads.
Napi::Value start_job(const Napi::CallbackInfo& info);
// Runs a job to its end on this thread and helpers; returns its outcome.
Napi::Value run_job(const Napi::CallbackInfo& info);

}  // namespace weightloom
