// Linux: free memory that malloc(3) keeps.
#pragma once

namespace prefork {

// Gives it back to the kernel. Does nothing where the C library cannot.
void ReleaseFreeMemory();

}  // namespace prefork
