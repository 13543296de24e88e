// The functions of Node-API are those of the program that loads the addon, whatever its file is called: Electron is not node.exe.
// node-gyp has the same for builds with MSVC (src/win_delay_load_hook.cc); MSDN: "Understand the delay load helper function".
#include <windows.h>

#include <delayimp.h>
#include <string.h>

static FARPROC WINAPI FindHost(unsigned event, PDelayLoadInfo info) {
  if (event != dliNotePreLoadLibrary || _stricmp(info->szDll, "node.exe") != 0) return nullptr;
  // Here Node is a library of another program.
  HMODULE library = GetModuleHandleW(L"libnode.dll");
  return reinterpret_cast<FARPROC>(library != nullptr ? library : GetModuleHandleW(nullptr));
}

extern "C" {
PfnDliHook __pfnDliNotifyHook2 = FindHost;
}
