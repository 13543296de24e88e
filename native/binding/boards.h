// The exports for the memory that the workers of a fleet share.
#pragma once

#include <napi.h>

#include <string>

#include "native/binding/arguments.h"
#include "native/posix/board.h"

namespace prefork {

inline std::uint32_t ToRow(const Napi::Value& value, const std::string& name) {
  return static_cast<std::uint32_t>(ToInteger(value, name, 0, Board::kRows - 1));
}

void ExportBoard(Napi::Env env, Napi::Object exports);

}  // namespace prefork
