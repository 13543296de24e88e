#!/bin/sh
# A process is stopped (SIGSTOP). Its /proc/<pid>/stat says "T" as soon as its first thread has stopped. waitid(2) with WSTOPPED reports
# the stop to the parent only when the last thread has: here a thread that waits in vfork(2) for its child. A program that sees "T" and then
# asks the parent, for example a shell for the state of its jobs, may ask too early.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/stops.c" <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int gate[2];

static void rest(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static void* start_a_child(void* unused) {
  if (vfork() == 0) {
    char byte;
    ssize_t got = read(gate[0], &byte, 1);
    _exit(got < 0);
  }
  return unused;
}

static char state_of(pid_t pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE* file = fopen(path, "r");
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  return strrchr(text, ')')[2];
}

static int stop_is_reported(pid_t pid) {
  siginfo_t info = {0};
  if (waitid(P_PID, pid, &info, WSTOPPED | WNOHANG | WNOWAIT) != 0) exit(2);
  return info.si_pid == pid;
}

int main(void) {
  if (pipe(gate) != 0) return 2;
  pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, start_a_child, NULL);
    for (;;) pause();
  }
  rest(300);  // the thread waits in vfork(2)
  kill(child, SIGSTOP);
  for (int i = 0; i < 5000 && state_of(child) != 'T'; i++) rest(1);
  rest(300);
  char state = state_of(child);
  int early = stop_is_reported(child);
  if (write(gate[1], ".", 1) != 1) return 2;
  int late = 0;
  for (int i = 0; i < 5000 && !(late = stop_is_reported(child)); i++) rest(1);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  printf("state in /proc: %c; reported to the parent: %s; when the last thread has stopped: %s\n", state, early ? "yes" : "no",
         late ? "yes" : "no");
  return !(state == 'T' && !early && late);
}
C
echo "$(uname -s) $(uname -r | cut -d- -f1)"
cc -O1 -pthread -o "$folder/stops" "$folder/stops.c"
"$folder/stops"
