#pragma once

namespace prefork {

// The death signal of a child fires when the *thread* that spawned it exits, prctl(2): only a
// thread that lives as long as the process may spawn.
bool OnMainThread();

}  // namespace prefork
