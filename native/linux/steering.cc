// Classic BPF on a reuseport group, socket(7) SO_ATTACH_REUSEPORT_CBPF: needs no privilege.
#include "native/linux/steering.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>

#include "native/core/sys_error.h"

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

namespace prefork {
namespace {

constexpr const char* kSyscall = "setsockopt(SO_ATTACH_REUSEPORT_CBPF)";

sock_filter Instruction(std::uint16_t code, std::uint32_t k, std::uint8_t if_true = 0,
                        std::uint8_t if_false = 0) {
  return {code, if_true, if_false, k};
}

// A is a random number below the count of live members, and becomes the index of the one that it
// stands for: every run of holes in front of that moves it up by the length of the run.
//   live {0, 3, 4} of 6:  A = random % 3;  if (A >= 1) A += 2;  return A
// A run of holes is always followed by a live member, so that there are at most size / 2 runs.
// `live` is sorted, without duplicates and not empty.
std::vector<sock_filter> Compile(const std::vector<std::uint32_t>& live) {
  std::vector<sock_filter> program;
  program.push_back(Instruction(BPF_LD | BPF_W | BPF_ABS,
                                static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)));
  program.push_back(
      Instruction(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(live.size())));
  std::uint32_t next = 0;
  for (const std::uint32_t index : live) {
    if (index > next) {
      program.push_back(Instruction(BPF_JMP | BPF_JGE | BPF_K, next, 0, 1));
      program.push_back(Instruction(BPF_ALU | BPF_ADD | BPF_K, index - next));
    }
    next = index + 1;
  }
  program.push_back(Instruction(BPF_RET | BPF_A, 0));
  return program;
}

int Attach(int fd, std::vector<sock_filter> instructions) {
  const sock_fprog program = {static_cast<unsigned short>(instructions.size()),
                              instructions.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}

std::string WayOut(int error) {
  switch (error) {
    case EINVAL:
      return "the socket is not in a SO_REUSEPORT group";
    case ENOMEM:
      return "many gaps need a long program: raise the sysctl net.core.optmem_max";
    default:
      return "";
  }
}

}  // namespace

void Steer(int fd, std::vector<std::uint32_t> live, std::uint32_t size) {
  // The kernel would give a socket that is merely bound a group of its own, which listen(2) then
  // merges with that of its siblings: the program would be lost without an error.
  int listening = 0;
  socklen_t length = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0)
    throw SysError(errno, "getsockopt");
  if (listening == 0) throw SysError(EINVAL, kSyscall).Advise("the socket does not listen yet");
  if (live.empty()) {
    for (std::uint32_t index = 0; index < size; ++index) live.push_back(index);
  }
  std::sort(live.begin(), live.end());
  live.erase(std::unique(live.begin(), live.end()), live.end());
  if (Attach(fd, Compile(live)) != 0) throw SysError(errno, kSyscall).Advise(WayOut(errno));
}

int TrySteering(int fd) { return Attach(fd, Compile({1})); }

}  // namespace prefork
