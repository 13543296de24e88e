// What the kernel's job control sends to a background job that touches its terminal.
#pragma once

namespace prefork {

// SIGTTIN or SIGTTOU, whose handler is installed: what the kernel sends stops the process as it
// stops one without a handler, and what a process sends goes to the handler as before. To be called
// again whenever the handler was installed anew.
void LeaveToJobControl(int signal);

}  // namespace prefork
