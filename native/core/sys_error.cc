#include "native/core/sys_error.h"

#include <errno.h>
#include <string.h>

namespace prefork {
namespace {

struct Entry {
  int error;
  const char* name;
  const char* text;
};

// Own table: strerrorname_np(3) is glibc 2.32+, and Node words its messages differently from
// strerror(3).
#define PREFORK_ERROR(name, text) \
  { name, #name, text }
constexpr Entry kErrors[] = {
    PREFORK_ERROR(E2BIG, "argument list too long"),
    PREFORK_ERROR(EACCES, "permission denied"),
    PREFORK_ERROR(EADDRINUSE, "address already in use"),
    PREFORK_ERROR(EADDRNOTAVAIL, "address not available"),
    PREFORK_ERROR(EAFNOSUPPORT, "address family not supported"),
    PREFORK_ERROR(EAGAIN, "resource temporarily unavailable"),
    PREFORK_ERROR(EALREADY, "connection already in progress"),
    PREFORK_ERROR(EBADF, "bad file descriptor"),
    PREFORK_ERROR(EBADMSG, "bad message"),
    PREFORK_ERROR(EBUSY, "resource busy or locked"),
    PREFORK_ERROR(ECHILD, "no child processes"),
    PREFORK_ERROR(ECONNREFUSED, "connection refused"),
#ifdef EDQUOT  // not an error of every system
    PREFORK_ERROR(EDQUOT, "disk quota exceeded"),
#endif
    PREFORK_ERROR(EEXIST, "file already exists"),
    PREFORK_ERROR(EFAULT, "bad address in system call argument"),
    PREFORK_ERROR(EINTR, "interrupted system call"),
    PREFORK_ERROR(EINVAL, "invalid argument"),
    PREFORK_ERROR(EIO, "i/o error"),
    PREFORK_ERROR(EISDIR, "illegal operation on a directory"),
    PREFORK_ERROR(ELOOP, "too many symbolic links encountered"),
    PREFORK_ERROR(EMFILE, "too many open files"),
    PREFORK_ERROR(ENAMETOOLONG, "name too long"),
    PREFORK_ERROR(ENETDOWN, "network is down"),
    PREFORK_ERROR(ENETUNREACH, "network is unreachable"),
    PREFORK_ERROR(ENFILE, "file table overflow"),
    PREFORK_ERROR(ENOBUFS, "no buffer space available"),
    PREFORK_ERROR(ENODEV, "no such device"),
    PREFORK_ERROR(ENOENT, "no such file or directory"),
    PREFORK_ERROR(ENOEXEC, "exec format error"),
    PREFORK_ERROR(ENOLCK, "no locks available"),
    PREFORK_ERROR(ENOMEM, "not enough memory"),
    PREFORK_ERROR(ENOPROTOOPT, "protocol not available"),
    PREFORK_ERROR(ENOSPC, "no space left on device"),
    PREFORK_ERROR(ENOSYS, "function not implemented"),
    PREFORK_ERROR(ENOTCONN, "socket is not connected"),
    PREFORK_ERROR(ENOTDIR, "not a directory"),
    PREFORK_ERROR(ENOTSOCK, "socket operation on non-socket"),
    // ENOTSUP comes before EOPNOTSUPP: the same number on Linux, and ENOTSUP is the name that Node
    // uses.
    PREFORK_ERROR(ENOTSUP, "operation not supported on socket"),
    PREFORK_ERROR(EOPNOTSUPP, "operation not supported on socket"),
    PREFORK_ERROR(ENXIO, "no such device or address"),
    PREFORK_ERROR(EPERM, "operation not permitted"),
    PREFORK_ERROR(EPIPE, "broken pipe"),
    PREFORK_ERROR(EPROTONOSUPPORT, "protocol not supported"),
    PREFORK_ERROR(EPROTOTYPE, "protocol wrong type for socket"),
    PREFORK_ERROR(EROFS, "read-only file system"),
    PREFORK_ERROR(ESRCH, "no such process"),
    PREFORK_ERROR(ETIMEDOUT, "connection timed out"),
    PREFORK_ERROR(ETXTBSY, "text file is busy"),
#ifdef EUSERS  // not an error of every system
    PREFORK_ERROR(EUSERS, "too many users"),
#endif
};
#undef PREFORK_ERROR

const Entry* Find(int error) {
  for (const Entry& entry : kErrors) {
    if (entry.error == error) return &entry;
  }
  return nullptr;
}

}  // namespace

const char* ErrorName(int error) {
  const Entry* entry = Find(error);
  return entry == nullptr ? "UNKNOWN" : entry->name;
}

std::string ErrorText(int error) {
  if (error == kUnknownError) return "unknown error";
  const Entry* entry = Find(error);
  return entry == nullptr ? std::string(strerror(error)) : std::string(entry->text);
}

std::string ErrorMessage(const SysError& error) {
  std::string message =
      error.syscall + " " + ErrorName(error.error) + ": " + ErrorText(error.error);
  if (!error.address.empty()) {
    message += " " + error.address;
    if (error.port > 0) message += ":" + std::to_string(error.port);
  }
  if (!error.path.empty()) message += " " + error.path;
  if (!error.hint.empty()) message += " (" + error.hint + ")";
  return message;
}

}  // namespace prefork
