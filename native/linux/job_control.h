// The signals that the kernel's job control sends to a background job that touches its terminal.
#pragma once

namespace prefork {

// For SIGTTIN or SIGTTOU, after their handler was installed. A signal from the kernel then stops
// the process as if there were no handler, and one from a process still goes to the handler. The
// caller repeats this whenever it installs the handler anew.
void LeaveToJobControl(int signal);

}  // namespace prefork
