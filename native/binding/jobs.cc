#include "native/binding/jobs.h"

#include <algorithm>

#include "native/binding/arguments.h"

namespace prefork {

Napi::Value Jobs::Create(Napi::Env env, unsigned long pid) {
  const auto job = std::make_shared<Job>(pid);
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("terminate", Napi::Function::New(
                              env,
                              [job](const Napi::CallbackInfo& info) {
                                const auto code = static_cast<unsigned int>(ToInteger(
                                    info[0], "code", 0, std::numeric_limits<std::uint32_t>::max()));
                                const bool any =
                                    Translate(info.Env(), [&] { return job->Terminate(code); });
                                return Napi::Boolean::New(info.Env(), any);
                              },
                              "terminate"));
  handle.Set("release", Napi::Function::New(
                            env,
                            [job](const Napi::CallbackInfo& info) {
                              Translate(info.Env(), [&] { job->Release(); });
                            },
                            "release"));
  handle.Set("close", Napi::Function::New(
                          env,
                          [this, job](const Napi::CallbackInfo&) {
                            job->Close();
                            const auto found = std::find(open_.begin(), open_.end(), job);
                            if (found != open_.end()) open_.erase(found);
                          },
                          "close"));
  open_.push_back(job);
  return handle;
}

}  // namespace prefork
