#include "native/binding/boards.h"

#include <memory>

namespace prefork {
namespace {

struct Opened {
  UniqueFd fd = MakeBoard();
  Board board = Board(fd.Get());
};

template <typename Act>
Napi::Function OnRow(Napi::Env env, const char* name, Act act) {
  return Napi::Function::New(
      env, [act](const Napi::CallbackInfo& info) { act(ToRow(info[0], "row")); }, name);
}

Napi::Value Make(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Translate(env, [&]() -> Napi::Value {
    // Unmapped when JavaScript has dropped the last of its functions.
    auto opened = std::make_shared<Opened>();
    Napi::Object result = Napi::Object::New(env);
    result.Set("fd", opened->fd.Get());
    result.Set("rows", Board::kRows);
    result.Set("take", OnRow(env, "take", [opened](auto row) { opened->board.Take(row); }));
    result.Set("clear", OnRow(env, "clear", [opened](auto row) { opened->board.Clear(row); }));
    result.Set("close",
               Napi::Function::New(
                   env, [opened](const Napi::CallbackInfo&) { opened->fd.Reset(); }, "close"));
    return result;
  });
}

}  // namespace

void ExportBoard(Napi::Env env, Napi::Object exports) {
  exports.Set("makeBoard", Napi::Function::New(env, Make, "makeBoard"));
}

}  // namespace prefork
