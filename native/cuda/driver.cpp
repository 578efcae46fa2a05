#include "driver.h"

#include <cstdlib>
#include <cstring>

#include "library.h"

namespace weightloom::cuda {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// Fills in every function; returns the name of one that is missing, or null.
const char* load_functions(const Library& library, Driver& driver) {
#define CALL(name, parameters)                          \
  {                                                     \
    void* const symbol = find_symbol(library, #name);   \
    if (symbol == nullptr) return #name;                \
    std::memcpy(&driver.name, &symbol, sizeof(symbol)); \
  }
  WEIGHTLOOM_DRIVER(CALL)
#undef CALL
  return nullptr;
}

FoundDriver load_driver() {
  FoundDriver found;
  const char* const wanted = std::getenv("WEIGHTLOOM_CUDA_DRIVER");
  const bool named = wanted != nullptr && *wanted != '\0';
  found.library = named ? wanted : driver_library_name();
  if (found.library.empty()) {
    found.reason = "there is no CUDA on this system";
    return found;
  }
  const Library library = open_library(found.library, !named);
  if (library.handle == nullptr) {
    found.reason = "no CUDA driver: " + library.reason;
    return found;
  }
  auto* driver = new Driver;  // for as long as the process lives, as the library
  if (const char* missing = load_functions(library, *driver)) {
    found.reason = found.library + " is too old: it has no " + missing;
    return found;
  }
  if (const Result result = driver->cuInit(0); result != kSuccess) {
    found.reason = "the CUDA driver cannot be used: " + describe_result(*driver, result);
    return found;
  }
  driver->cuDriverGetVersion(&driver->version);
  found.version = driver->version;
  if (found.version < kOldestDriver) {
    found.reason = "the CUDA driver is too old: it is of CUDA " + version_text(found.version) +
                   ", and " + version_text(kOldestDriver) + " is needed";
    return found;
  }
  found.driver = driver;
  return found;
}

}  // namespace

const FoundDriver& find_driver() {
  static const auto* const found = new FoundDriver(load_driver());
  return *found;
}

std::string describe_result(const Driver& driver, Result result) {
  const char *name = nullptr, *text = nullptr;
  driver.cuGetErrorName(result, &name);
  driver.cuGetErrorString(result, &text);
  if (name == nullptr) return "error " + std::to_string(result);
  return text == nullptr ? name : std::string(name) + ": " + text;
}

}  // namespace weightloom::cuda
