{
  # One file per OS where OSes differ, chosen here and never by #ifdef inside a function.
  "targets": [
    {
      "target_name": "prefork",
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "sources": [
        "native/addon.cc",
        "native/addon_parent_watch.cc",
        "native/parent_deadlines.cc",
        "native/sys_error.cc"
      ],
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/accept_line_linux.cc",
            "native/accept_line_posix.cc",
            "native/accept_lines.cc",
            "native/activity_linux.cc",
            "native/activity_posix.cc",
            "native/addon_accept_line.cc",
            "native/addon_board.cc",
            "native/addon_children.cc",
            "native/addon_fd_channel.cc",
            "native/addon_fds.cc",
            "native/addon_linux.cc",
            "native/addon_output.cc",
            "native/addon_posix.cc",
            "native/addon_queue_watch.cc",
            "native/board_linux.cc",
            "native/board_posix.cc",
            "native/child_failure_posix.cc",
            "native/deal.cc",
            "native/descriptor_count_linux.cc",
            "native/descriptor_room_posix.cc",
            "native/exec_image.cc",
            "native/fd_channel_linux.cc",
            "native/fd_linux.cc",
            "native/fd_posix.cc",
            "native/features_linux.cc",
            "native/heap_linux.cc",
            "native/job_control_linux.cc",
            "native/listener_linux.cc",
            "native/listener_posix.cc",
            "native/libuv_posix.cc",
            "native/loop_hook_posix.cc",
            "native/loop_timer_posix.cc",
            "native/output_linux.cc",
            "native/output_posix.cc",
            "native/parent_deadlines_posix.cc",
            "native/parent_death_linux.cc",
            "native/pidfd_linux.cc",
            "native/process_linux.cc",
            "native/process_posix.cc",
            "native/process_watch_linux.cc",
            "native/queue_watch_linux.cc",
            "native/reaper_linux.cc",
            "native/seal_linux.cc",
            "native/sock_diag_linux.cc",
            "native/spawn_child_linux.cc",
            "native/spawn_linux.cc",
            "native/steering_linux.cc",
            "native/sys_error_posix.cc",
            "native/thread_linux.cc",
            "native/thread_posix.cc",
            "native/unix_listener_posix.cc",
            "native/users_linux.cc",
            "native/users_posix.cc",
            "native/wake_linux.cc"
          ],
          "cflags": ["-Wall", "-Wextra", "-Werror", "-O2", "-fvisibility=hidden"],
          "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
          "cflags_cc": ["-std=c++17", "-fvisibility-inlines-hidden"],
          # timer_create(2), threads and dlsym(3) are in libraries of their own before glibc 2.34.
          "libraries": ["-pthread", "-lrt", "-ldl"]
        }, "OS=='win'", {
          "sources": [
            "native/accept_watch_win.cc",
            "native/accept_win.cc",
            "native/addon_accept_watch.cc",
            "native/addon_jobs.cc",
            "native/addon_win.cc",
            "native/features_win.cc",
            "native/handover_win.cc",
            "native/job_win.cc",
            "native/listener_win.cc",
            "native/main_thread_win.cc",
            "native/nursery_win.cc",
            "native/parent_death_win.cc",
            "native/process_win.cc",
            "native/sys_error_win.cc",
            "native/thread_win.cc",
            "native/wake_win.cc",
            "native/winsock_win.cc"
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
            "native/accept_line_darwin.cc",
            "native/accept_line_posix.cc",
            "native/accept_lines.cc",
            "native/activity_posix.cc",
            "native/addon_accept_line.cc",
            "native/addon_children.cc",
            "native/addon_darwin.cc",
            "native/addon_fds.cc",
            "native/addon_output.cc",
            "native/addon_posix.cc",
            "native/board_posix.cc",
            "native/child_failure_posix.cc",
            "native/deal.cc",
            "native/descriptor_count_darwin.cc",
            "native/descriptor_room_posix.cc",
            "native/exec_image.cc",
            "native/fd_darwin.cc",
            "native/fd_posix.cc",
            "native/features_darwin.cc",
            "native/kqueue_darwin.cc",
            "native/listener_posix.cc",
            "native/libuv_posix.cc",
            "native/loop_hook_posix.cc",
            "native/loop_timer_posix.cc",
            "native/output_darwin.cc",
            "native/output_posix.cc",
            "native/parent_deadlines_posix.cc",
            "native/parent_death_darwin.cc",
            "native/process_darwin.cc",
            "native/process_posix.cc",
            "native/process_watch_darwin.cc",
            "native/spawn_child_darwin.cc",
            "native/spawn_darwin.cc",
            "native/sys_error_posix.cc",
            "native/thread_darwin.cc",
            "native/thread_posix.cc",
            "native/unix_listener_posix.cc",
            "native/users_darwin.cc",
            "native/users_posix.cc"
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
