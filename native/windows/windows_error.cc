#include "native/windows/windows_error.h"

#include <errno.h>
#include <winsock2.h>

namespace prefork {
namespace {

struct Numbers {
  int error;
  int libuv;
};

// The negative numbers of libuv, uv/errno.h: on Windows it has its own, because those of the C
// library are not the same everywhere.
constexpr Numbers kLibuv[] = {
    {EACCES, -4092},     {EADDRINUSE, -4091},      {EADDRNOTAVAIL, -4090}, {EAFNOSUPPORT, -4089},
    {EAGAIN, -4088},     {EALREADY, -4084},        {EBADF, -4083},         {ECONNREFUSED, -4078},
    {EFAULT, -4074},     {EINTR, -4072},           {EINVAL, -4071},        {EMFILE, -4066},
    {ENETDOWN, -4063},   {ENETUNREACH, -4062},     {ENOBUFS, -4060},       {ENOMEM, -4057},
    {ENOTCONN, -4053},   {ENOTSOCK, -4050},        {ENOTSUP, -4049},       {EPERM, -4048},
    {EPROTOTYPE, -4044}, {EPROTONOSUPPORT, -4045}, {ESRCH, -4040},         {ETIMEDOUT, -4039},
};
constexpr int kLibuvUnknown = -4094;

struct Translation {
  unsigned long windows;
  int error;
};

// As libuv translates them, win/error.c.
constexpr Translation kTranslations[] = {
    {ERROR_ACCESS_DENIED, EPERM},
    {ERROR_INVALID_HANDLE, EBADF},
    {ERROR_INVALID_PARAMETER, EINVAL},
    {ERROR_NOACCESS, EACCES},
    {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
    {ERROR_OUTOFMEMORY, ENOMEM},
    {ERROR_NOT_ENOUGH_QUOTA, ENOMEM},
    {ERROR_NO_SYSTEM_RESOURCES, ENOMEM},
    {ERROR_NOT_SUPPORTED, ENOTSUP},
    {ERROR_PRIVILEGE_NOT_HELD, EPERM},
    {ERROR_TOO_MANY_OPEN_FILES, EMFILE},
    {WSAEACCES, EACCES},
    {WSAEADDRINUSE, EADDRINUSE},
    {WSAEADDRNOTAVAIL, EADDRNOTAVAIL},
    {WSAEAFNOSUPPORT, EAFNOSUPPORT},
    {WSAEALREADY, EALREADY},
    {WSAECONNREFUSED, ECONNREFUSED},
    {WSAEFAULT, EFAULT},
    {WSAEINTR, EINTR},
    {WSAEINVAL, EINVAL},
    {WSAEMFILE, EMFILE},
    {WSAENETDOWN, ENETDOWN},
    {WSAENETUNREACH, ENETUNREACH},
    {WSAENOBUFS, ENOBUFS},
    {WSAENOTCONN, ENOTCONN},
    {WSAENOTSOCK, ENOTSOCK},
    {WSAEOPNOTSUPP, ENOTSUP},
    {WSAEPROTONOSUPPORT, EPROTONOSUPPORT},
    {WSAEPROTOTYPE, EPROTOTYPE},
    {WSAESOCKTNOSUPPORT, EPROTONOSUPPORT},
    {WSAETIMEDOUT, ETIMEDOUT},
    {WSAEWOULDBLOCK, EAGAIN},
};

// The text of Windows for `error` in the language of the user, without the line break at its end.
std::string Describe(unsigned long error) {
  wchar_t text[256];
  DWORD size = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
                              error, 0, text, sizeof text / sizeof *text, nullptr);
  while (size > 0 && text[size - 1] <= L' ') --size;
  char utf8[4 * sizeof text / sizeof *text];
  const int length = WideCharToMultiByte(CP_UTF8, 0, text, static_cast<int>(size), utf8,
                                         static_cast<int>(sizeof utf8), nullptr, nullptr);
  // Only more words for a number: a failure leaves them out.
  return std::string(utf8, length > 0 ? static_cast<std::size_t>(length) : 0);
}

}  // namespace

int NodeErrno(int error) {
  for (const Numbers& numbers : kLibuv) {
    if (numbers.error == error) return numbers.libuv;
  }
  return kLibuvUnknown;
}

SysError WindowsError(unsigned long error, std::string syscall) {
  for (const Translation& translation : kTranslations) {
    if (translation.windows == error) return SysError(translation.error, std::move(syscall));
  }
  const std::string description = Describe(error);
  return SysError(kUnknownError, std::move(syscall))
      .Advise("error " + std::to_string(error) + " of Windows" +
              (description.empty() ? "" : ": " + description));
}

}  // namespace prefork
