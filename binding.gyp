{
  # One file per OS where OSes differ, chosen here and never by #ifdef inside a function.
  "targets": [
    {
      "target_name": "prefork",
      "include_dirs": [".", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "sources": [
        "native/binding/addon.cc",
        "native/binding/master_watches.cc",
        "native/core/master_deadlines.cc",
        "native/core/master_watch.cc",
        "native/core/sys_error.cc"
      ],
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/binding/accept_queues.cc",
            "native/binding/boards.cc",
            "native/binding/children.cc",
            "native/binding/fd_messages.cc",
            "native/binding/fds.cc",
            "native/binding/linux.cc",
            "native/binding/outputs.cc",
            "native/binding/posix.cc",
            "native/binding/queue_watches.cc",
            "native/linux/abstract_listener.cc",
            "native/linux/descriptor_count.cc",
            "native/linux/epoll_entry.cc",
            "native/linux/features.cc",
            "native/linux/group_list.cc",
            "native/linux/guard.cc",
            "native/linux/heap.cc",
            "native/linux/job_control.cc",
            "native/linux/last_words.cc",
            "native/linux/main_thread.cc",
            "native/linux/make_board.cc",
            "native/linux/message_flags.cc",
            "native/linux/open_fds.cc",
            "native/linux/pidfd.cc",
            "native/linux/process.cc",
            "native/linux/process_watch.cc",
            "native/linux/queue_watch.cc",
            "native/linux/quiet_end.cc",
            "native/linux/reaper.cc",
            "native/linux/seal.cc",
            "native/linux/signs_of_life.cc",
            "native/linux/sock_diag.cc",
            "native/linux/spawn.cc",
            "native/linux/spawn_child.cc",
            "native/linux/steering.cc",
            "native/linux/thread_name.cc",
            "native/linux/wakeable_epoll.cc",
            "native/linux/write_now.cc",
            "native/posix/accept_line.cc",
            "native/posix/accept_lines.cc",
            "native/posix/activity.cc",
            "native/posix/await_end.cc",
            "native/posix/board.cc",
            "native/posix/child_failure.cc",
            "native/posix/deal.cc",
            "native/posix/descriptor_room.cc",
            "native/posix/end_process.cc",
            "native/posix/exec_image.cc",
            "native/posix/fd.cc",
            "native/posix/fd_channel.cc",
            "native/posix/libuv.cc",
            "native/posix/listener.cc",
            "native/posix/loop_hook.cc",
            "native/posix/loop_timer.cc",
            "native/posix/node_errno.cc",
            "native/posix/output.cc",
            "native/posix/thread.cc",
            "native/posix/unix_listener.cc",
            "native/posix/users.cc"
          ],
          "cflags": ["-Wall", "-Wextra", "-Werror", "-O2", "-fvisibility=hidden"],
          "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
          "cflags_cc": ["-std=c++17", "-fvisibility-inlines-hidden"],
          # timer_create(2), threads and dlsym(3) are in libraries of their own before glibc 2.34.
          "libraries": ["-pthread", "-lrt", "-ldl"]
        }, "OS=='win'", {
          "sources": [
            "native/binding/accept_watches.cc",
            "native/binding/jobs.cc",
            "native/binding/windows.cc",
            "native/windows/accept.cc",
            "native/windows/accept_watch.cc",
            "native/windows/end_process.cc",
            "native/windows/features.cc",
            "native/windows/handover.cc",
            "native/windows/job.cc",
            "native/windows/last_words.cc",
            "native/windows/listener.cc",
            "native/windows/main_thread.cc",
            "native/windows/process_handle.cc",
            "native/windows/signs_of_life.cc",
            "native/windows/spawn_job.cc",
            "native/windows/thread.cc",
            "native/windows/wake_socket.cc",
            "native/windows/windows_error.cc",
            "native/windows/winsock.cc"
          ],
          "defines": [
            "WIN32_LEAN_AND_MEAN",
            "NOMINMAX",
            # Windows 10, as Node itself demands.
            "_WIN32_WINNT=0x0A00",
            "_HAS_EXCEPTIONS=1"
          ],
          "msvs_settings": {
            # /EHsc
            "VCCLCompilerTool": {"ExceptionHandling": 1}
          },
          "libraries": ["-lws2_32"]
        }, "OS=='mac'", {
          "sources": [
            "native/binding/accept_queues.cc",
            "native/binding/children.cc",
            "native/binding/darwin.cc",
            "native/binding/fd_messages.cc",
            "native/binding/fds.cc",
            "native/binding/outputs.cc",
            "native/binding/posix.cc",
            "native/darwin/descriptor_count.cc",
            "native/darwin/features.cc",
            "native/darwin/group_list.cc",
            "native/darwin/kqueue.cc",
            "native/darwin/kqueue_entry.cc",
            "native/darwin/last_words.cc",
            "native/darwin/main_thread.cc",
            "native/darwin/message_flags.cc",
            "native/darwin/open_fds.cc",
            "native/darwin/process.cc",
            "native/darwin/process_watch.cc",
            "native/darwin/signs_of_life.cc",
            "native/darwin/spawn.cc",
            "native/darwin/spawn_child.cc",
            "native/darwin/thread_name.cc",
            "native/darwin/write_now.cc",
            "native/posix/accept_line.cc",
            "native/posix/accept_lines.cc",
            "native/posix/activity.cc",
            "native/posix/await_end.cc",
            "native/posix/board.cc",
            "native/posix/child_failure.cc",
            "native/posix/deal.cc",
            "native/posix/descriptor_room.cc",
            "native/posix/end_process.cc",
            "native/posix/exec_image.cc",
            "native/posix/fd.cc",
            "native/posix/fd_channel.cc",
            "native/posix/libuv.cc",
            "native/posix/listener.cc",
            "native/posix/loop_hook.cc",
            "native/posix/loop_timer.cc",
            "native/posix/node_errno.cc",
            "native/posix/output.cc",
            "native/posix/thread.cc",
            "native/posix/unix_listener.cc",
            "native/posix/users.cc"
          ],
          "xcode_settings": {
            "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
            "CLANG_CXX_LIBRARY": "libc++",
            "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
            "GCC_OPTIMIZATION_LEVEL": "2",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "GCC_TREAT_WARNINGS_AS_ERRORS": "YES",
            "MACOSX_DEPLOYMENT_TARGET": "11.0",
            "WARNING_CFLAGS": ["-Wall", "-Wextra"]
          }
        }, {
          "sources": ["<!(node -e \"console.error('prefork: the native core is not built for this operating system yet'); process.exit(1)\")"]
        }]
      ]
    }
  ]
}
