// The one error type of the core. The addon layer translates it, in one place, to an Error of
// Node's own shape.
#pragma once

#include <string>

namespace prefork {

struct SysError {
  int error;            // positive errno
  std::string syscall;  // the call that failed, without arguments
  std::string address;  // numeric address, where one applies
  int port = -1;
  std::string path;  // file, directory or unix socket, where one applies
  std::string hint;  // the way out, in plain words

  SysError(int error_number, std::string failed_call)
      : error(error_number), syscall(std::move(failed_call)) {}
  SysError& At(std::string where, int at_port) {
    address = std::move(where);
    port = at_port;
    return *this;
  }
  SysError& On(std::string file) {
    path = std::move(file);
    return *this;
  }
  SysError& Advise(std::string way_out) {
    hint = std::move(way_out);
    return *this;
  }
};

// In place of an errno, for an error that has none.
constexpr int kUnknownError = -1;

// The negative number that Node reports for a positive errno.
int NodeErrno(int error);

// "EADDRINUSE"; "UNKNOWN" for a number that has no name here.
const char* ErrorName(int error);

// "address already in use": the wording of Node, not of strerror(3).
std::string ErrorText(int error);

// "bind EADDRINUSE: address already in use 127.0.0.1:80 (way out)".
std::string ErrorMessage(const SysError& error);

}  // namespace prefork
