// Checks arguments and translates errors: the only way from JavaScript into the core and back. Only
// the files in native/binding include <napi.h>.
#pragma once

#include <errno.h>
#include <napi.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "native/core/sys_error.h"

namespace prefork {

constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();

// An Error of Node's own shape: code, negative errno, syscall, and address/port or path where they
// apply.
inline Napi::Error ToJs(Napi::Env env, const SysError& error) {
  Napi::Error js = Napi::Error::New(env, ErrorMessage(error));
  js.Set("code", Napi::String::New(env, ErrorName(error.error)));
  js.Set("errno", Napi::Number::New(env, NodeErrno(error.error)));
  js.Set("syscall", Napi::String::New(env, error.syscall));
  if (!error.address.empty()) js.Set("address", Napi::String::New(env, error.address));
  if (error.port >= 0) js.Set("port", Napi::Number::New(env, error.port));
  if (!error.path.empty()) js.Set("path", Napi::String::New(env, error.path));
  return js;
}

// Runs `body`; every error of the core leaves through here.
template <typename Body>
auto Translate(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const SysError& error) {
    throw ToJs(env, error);
  } catch (const std::bad_alloc&) {
    throw ToJs(env, SysError(ENOMEM, "malloc"));
  }
}

inline Napi::Error BadArgument(Napi::Env env, const std::string& name, const char* expected) {
  Napi::TypeError error =
      Napi::TypeError::New(env, "The \"" + name + "\" argument must be " + expected);
  error.Set("code", Napi::String::New(env, "ERR_INVALID_ARG_VALUE"));
  return error;
}

// A pointer into the memory of an array in a SharedArrayBuffer, which it keeps alive. Main thread
// only. A reference to any other array keeps no memory: JavaScript can transfer an ArrayBuffer to
// another thread, or make it smaller, and the memory ends with what it became. A SharedArrayBuffer
// is neither transferred nor made smaller. Null for other arrays.
template <typename T>
std::shared_ptr<T> Owning(const Napi::TypedArray& array, T* memory) {
  // Node-API takes only the other kind for an ArrayBuffer.
  if (array.ArrayBuffer().IsArrayBuffer()) return nullptr;
  const auto owner =
      std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.As<Napi::Object>()));
  return std::shared_ptr<T>(owner, memory);
}

inline std::int64_t ToInteger(const Napi::Value& value, const std::string& name, std::int64_t min,
                              std::int64_t max) {
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    // Written so that NaN fails, too.
    if (number >= static_cast<double>(min) && number <= static_cast<double>(max) &&
        static_cast<double>(static_cast<std::int64_t>(number)) == number) {
      return static_cast<std::int64_t>(number);
    }
  }
  const std::string expected =
      "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  throw BadArgument(value.Env(), name, expected.c_str());
}

inline int ToFd(const Napi::Value& value, const std::string& name) {
  return static_cast<int>(ToInteger(value, name, 0, kMaxInt));
}

// The core hands the text to C functions, which would silently stop at a NUL.
inline std::string ToText(const Napi::Value& value, const std::string& name) {
  if (value.IsString()) {
    std::string text = value.As<Napi::String>().Utf8Value();
    if (text.find('\0') == std::string::npos) return text;
  }
  throw BadArgument(value.Env(), name, "a string without NUL characters");
}

inline bool ToFlag(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) throw BadArgument(value.Env(), name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

inline Napi::Object ToObject(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) throw BadArgument(value.Env(), name, "an object");
  return value.As<Napi::Object>();
}

inline Napi::Function ToFunction(const Napi::Value& value, const std::string& name) {
  if (!value.IsFunction()) throw BadArgument(value.Env(), name, "a function");
  return value.As<Napi::Function>();
}

template <typename Convert>
auto ToList(const Napi::Value& value, const std::string& name, Convert convert) {
  if (!value.IsArray()) throw BadArgument(value.Env(), name, "an array");
  const auto array = value.As<Napi::Array>();
  std::vector<decltype(convert(value, name))> items;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    items.push_back(convert(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return items;
}

inline std::uint32_t ToId(const Napi::Value& value, const std::string& name) {
  // The largest id is (uid_t) -1, which the kernel takes for "no change", setresuid(2).
  return static_cast<std::uint32_t>(
      ToInteger(value, name, 0, std::numeric_limits<std::uint32_t>::max() - 1));
}

template <typename Convert>
auto ToOptional(const Napi::Value& value, const std::string& name, Convert convert) {
  std::optional<decltype(convert(value, name))> result;
  if (!value.IsUndefined()) result = convert(value, name);
  return result;
}

}  // namespace prefork
