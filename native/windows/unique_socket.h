// One owner for one socket of Windows.
#pragma once

// Before windows.h, which would include the winsock of 1993.
#include <winsock2.h>

#include <utility>

namespace prefork {

// A socket is in a UniqueSocket or is a number in JavaScript, never both: Release() is called once,
// on the return path of the addon layer.
class UniqueSocket {
 public:
  UniqueSocket() = default;
  explicit UniqueSocket(SOCKET socket) : socket_(socket) {}
  UniqueSocket(UniqueSocket&& other) noexcept : socket_(other.Release()) {}
  UniqueSocket& operator=(UniqueSocket&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  UniqueSocket(const UniqueSocket&) = delete;
  UniqueSocket& operator=(const UniqueSocket&) = delete;
  ~UniqueSocket() { Reset(); }

  SOCKET Get() const { return socket_; }
  explicit operator bool() const { return socket_ != INVALID_SOCKET; }
  SOCKET Release() { return std::exchange(socket_, INVALID_SOCKET); }
  void Reset(SOCKET socket = INVALID_SOCKET) {
    const SOCKET old = std::exchange(socket_, socket);
    if (old != INVALID_SOCKET) closesocket(old);
  }

 private:
  SOCKET socket_ = INVALID_SOCKET;
};

}  // namespace prefork
