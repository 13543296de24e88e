// The few symbols of glibc that a Node built against a newer musl toolchain wants and that neither musl nor the libraries beside it have. For
// the Node that musl-node.mjs makes for tests; no part of it is in the package.

#include <link.h>
#include <string.h>

extern "C" {

// bits/dl_find_object.h of glibc: the unwinder asks in which object an address lies.
struct FoundObject {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  void* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct Search {
  char* address;
  FoundObject* found;
};

static int Visit(dl_phdr_info* info, size_t, void* data) {
  Search* search = static_cast<Search*>(data);
  char* base = reinterpret_cast<char*>(info->dlpi_addr);
  char* start = nullptr;
  char* end = nullptr;
  char* eh_frame = nullptr;
  bool hit = false;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const auto& header = info->dlpi_phdr[i];
    char* from = base + header.p_vaddr;
    if (header.p_type == PT_GNU_EH_FRAME) eh_frame = from;
    if (header.p_type != PT_LOAD) continue;
    char* to = from + header.p_memsz;
    if (start == nullptr) start = from;
    if (to > end) end = to;
    if (search->address >= from && search->address < to) hit = true;
  }
  if (!hit || eh_frame == nullptr) return 0;
  memset(search->found, 0, sizeof *search->found);
  search->found->map_start = start;
  search->found->map_end = end;
  search->found->eh_frame = eh_frame;
  return 1;
}

int _dl_find_object(void* address, FoundObject* found) {
  Search search{static_cast<char*>(address), found};
  return dl_iterate_phdr(Visit, &search) == 1 ? 0 : -1;
}

// libgcc keeps them hidden in its static half.
unsigned __cpu_model[16];
int __cpu_indicator_init() { return 0; }

// std::string::_M_replace_cold of GCC 13: replaces a part of a string by a part of the same string. `self` is the string.
void ReplaceCold(void* self, char* to, unsigned long old_size, const char* from, unsigned long size,
                 unsigned long rest) __asm__("_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm");

void ReplaceCold(void*, char* to, unsigned long old_size, const char* from, unsigned long size, unsigned long rest) {
  if (size != 0 && size <= old_size) memmove(to, from, size);
  if (rest != 0 && old_size != size) memmove(to + size, to + old_size, rest);
  if (size <= old_size) return;
  if (from + size <= to + old_size) {
    memmove(to, from, size);
  } else if (from >= to + old_size) {
    memcpy(to, to + (from - to) + (size - old_size), size);
  } else {
    unsigned long left = (to + old_size) - from;
    memmove(to, from, left);
    memcpy(to + left, to + size, size - left);
  }
}

}  // extern "C"
