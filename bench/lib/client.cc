// The client: one HTTP request on every connection, so many connections at a time, until the given
// number has been answered. With "keep" a connection that was answered asks again.
//   client <port> <requests> <concurrency> [keep]   prints
//   {"answered":{"<pid>":<number>},"failures":{"<why>":<number>},"milliseconds":[<number>]}
// where milliseconds has for each answer how long it took, from connect(2) (on a connection that is
// kept: from the question) to the end of the answer.
// Not JavaScript: a client that takes as much CPU as the server would compete with it for the
// cores, and a server that waits for its client wakes up once per connection instead of once for
// many.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr char kRequest[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
constexpr char kKeep[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr char kLength[] = "\r\nContent-Length: ";
constexpr char kOk[] = "HTTP/1.1 200 OK\r\n";
constexpr int kPatienceMs = 10 * 1000;  // without any progress

using Clock = std::chrono::steady_clock;

struct Connection {
  int fd = -1;
  bool asked = false;
  Clock::time_point since;
  std::string answer;
};

class Load {
 public:
  Load(int port, int requests, int concurrency, bool keep)
      : request_(keep ? kKeep : kRequest),
        keep_(keep),
        left_(requests),
        connections_(static_cast<std::size_t>(concurrency)) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<std::uint16_t>(port));
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (epoll_ < 0) Die("epoll_create1");
  }

  void Run() {
    for (std::size_t i = 0; i < connections_.size(); ++i) Open(i);
    epoll_event events[256];
    while (open_ > 0) {
      const int count = epoll_wait(epoll_, events, 256, kPatienceMs);
      if (count == 0) {
        failures_["no answer in time"] += open_;
        return;
      }
      if (count < 0 && errno != EINTR) Die("epoll_wait");
      for (int i = 0; i < count; ++i) Continue(events[i].data.u64);
    }
  }

  void Print() const {
    printf("{\"answered\":");
    Print(answered_);
    printf(",\"failures\":");
    Print(failures_);
    printf(",\"milliseconds\":[");
    const char* before = "";
    for (const double ms : milliseconds_) {
      printf("%s%.1f", before, ms);
      before = ",";
    }
    printf("]}\n");
  }

 private:
  [[noreturn]] static void Die(const char* call) {
    perror(call);
    exit(1);
  }

  static void Print(const std::map<std::string, int>& counts) {
    const char* before = "{";
    for (const auto& [key, count] : counts) {
      printf("%s\"%s\":%d", before, key.c_str(), count);
      before = ",";
    }
    printf("%s}", counts.empty() ? "{" : "");
  }

  void Open(std::size_t i) {
    if (left_ == 0) return;
    --left_;
    ++open_;
    Connection& connection = connections_[i];
    connection = {socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), false, Clock::now(), {}};
    if (connection.fd < 0) Die("socket");
    const auto* address = reinterpret_cast<const sockaddr*>(&address_);
    if (connect(connection.fd, address, sizeof address_) != 0 && errno != EINPROGRESS)
      Die("connect");
    Watch(EPOLL_CTL_ADD, EPOLLOUT, i);
  }

  void Watch(int operation, std::uint32_t events, std::size_t i) {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = i;
    if (epoll_ctl(epoll_, operation, connections_[i].fd, &event) != 0) Die("epoll_ctl");
  }

  void Continue(std::size_t i) {
    Connection& connection = connections_[i];
    if (!connection.asked) {
      if (Ask(i)) Watch(EPOLL_CTL_MOD, EPOLLIN, i);
      return;
    }
    char buffer[4096];
    const ssize_t size = read(connection.fd, buffer, sizeof buffer);
    if (size > 0) {
      connection.answer.append(buffer, static_cast<std::size_t>(size));
      if (keep_ && IsWhole(connection.answer)) AskAgain(i);
    } else if (size == 0) {
      End(i, nullptr);
    } else if (errno != EAGAIN) {
      End(i, strerror(errno));
    }
  }

  bool Ask(std::size_t i) {
    Connection& connection = connections_[i];
    connection.asked = true;
    const ssize_t size = send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (size == static_cast<ssize_t>(request_.size())) return true;
    End(i, "cannot ask");
    return false;
  }

  static bool IsWhole(const std::string& answer) {
    const std::size_t head = answer.find("\r\n\r\n");
    const std::size_t length = answer.find(kLength);
    if (head == std::string::npos || length == std::string::npos || length > head) return false;
    return answer.size() >= head + 4 + std::strtoul(&answer[length + sizeof kLength - 1], nullptr, 10);
  }

  void AskAgain(std::size_t i) {
    if (left_ == 0) return End(i, nullptr);
    --left_;
    Count(i, nullptr);
    connections_[i].answer.clear();
    connections_[i].since = Clock::now();
    Ask(i);
  }

  void End(std::size_t i, const char* failure) {
    Count(i, failure);
    close(connections_[i].fd);
    --open_;
    Open(i);
  }

  void Count(std::size_t i, const char* failure) {
    const std::string& answer = connections_[i].answer;
    const std::size_t body = answer.find("\r\n\r\n");
    if (failure == nullptr && (answer.rfind(kOk, 0) != 0 || body == std::string::npos))
      failure = "cut answer";
    if (failure != nullptr) {
      ++failures_[failure];
    } else {
      const std::string text = answer.substr(body + 4);
      ++answered_[text.substr(0, text.find('\n'))];
      const std::chrono::duration<double, std::milli> took = Clock::now() - connections_[i].since;
      milliseconds_.push_back(took.count());
    }
  }

  const std::string request_;
  const bool keep_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  sockaddr_in address_ = {};
  int left_;
  int open_ = 0;
  std::vector<Connection> connections_;
  std::map<std::string, int> answered_;
  std::map<std::string, int> failures_;
  std::vector<double> milliseconds_;
};

}  // namespace

int main(int argc, char** argv) {
  const bool keep = argc == 5 && std::string(argv[4]) == "keep";
  if (argc != 4 && !keep) {
    fprintf(stderr, "usage: client <port> <requests> <concurrency> [keep]\n");
    return 2;
  }
  Load load(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), keep);
  load.Run();
  load.Print();
}
