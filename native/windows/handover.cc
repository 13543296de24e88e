// Duplicates a listening socket for another process. MSDN WSADuplicateSocketW: all copies are one
// socket with one queue, which ends with the last of them.
#include <errno.h>

#include "native/windows/listener.h"
#include "native/windows/process_handle.h"
#include "native/windows/windows_error.h"
#include "native/windows/winsock.h"

namespace prefork {

WSAPROTOCOL_INFOW DuplicateFor(SOCKET socket, unsigned long pid) {
  // OpenRunning() comes first: for a process that is gone Winsock reports no more than "invalid
  // argument". A process that ends in between takes its duplicate along.
  const UniqueHandle process = OpenRunning(pid, PROCESS_DUP_HANDLE);
  WSAPROTOCOL_INFOW info = {};
  if (WSADuplicateSocketW(socket, pid, &info) != 0) throw SocketError("WSADuplicateSocketW");
  return info;
}

UniqueSocket Adopt(WSAPROTOCOL_INFOW info) {
  // The call that adopts may be the first in this process to need Winsock.
  NeedWinsock();
  UniqueSocket socket(WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info,
                                 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
  if (!socket) {
    throw SocketError("WSASocketW")
        .Advise("a duplicated socket can be adopted once, in the process that it was made for");
  }
  // Both are so already where Microsoft's own provider made the duplicate; a layered provider makes
  // a handle of its own.
  SetInheritable(socket.Get(), false);
  SetNonBlocking(socket.Get());
  return socket;
}

}  // namespace prefork
