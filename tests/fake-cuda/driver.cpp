// libcuda.so.1 without a GPU: the driver's entry points over the emulator, stricter than a GPU is.
//
// - Streams are queues that run only when something waits for them: a forgotten wait shows as NaN. Pinned memory is read and
//   written when the copy runs, pageable memory at the call, as CUDA does.
// - Device memory is NaN at birth, out of the host's reach unless an operation runs, framed by guard pages and by canaries up to
//   them, and never used again once it is freed.
// - A module must be PTX text for this device with the entry asked for, and the launch must be what the kernel was written for.
//
// EMU_CC=90      compute capability            EMU_DEVICES=1     how many GPUs
// EMU_MEM=n      bytes of device memory (4 GiB)  EMU_FAIL_AFTER=n  device EMU_FAIL_DEVICE (0) is lost at its launch n (from 0)
// EMU_SEED=n     another order of warps, blocks, copies          EMU_TC=nearest    exact sums in tensor cores
// EMU_LOG=file   appends a line for every launch, copy, set, allocation, free, wait and look at free memory
// EMU_MIXED=1    GPUs from the second on are of another model
// EMU_SMS=n      multiprocessors (4)            EMU_DRIVER=n      what cuDriverGetVersion says (13000)
// EMU_HANG=text  kernels with this in their names never end     EMU_WRONG=text    their tensor cores and shuffles compute wrongly
// EMU_SKIP=text  they leave out the last blocks of their grid
// EMU_GATE=file  a pass, which begins with `embed`, is started as its nth when the file has n bytes, after 2 minutes at the latest
#include "machine.h"
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#undef blockIdx
#undef threadIdx

using Result = int;
using Pointer = u64;
using Handle = void*;
#define API extern "C" __attribute__((visibility("default"))) Result

namespace {
enum : Result {
  SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_CONTEXT = 201,
  NO_BINARY = 209, INVALID_PTX = 218, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, LAUNCH_FAILED = 719, NOT_SUPPORTED = 801,
};
const std::map<Result, const char*> ERRORS = {
    {SUCCESS, "CUDA_SUCCESS"}, {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"}, {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE"}, {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"}, {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
    {NO_BINARY, "CUDA_ERROR_NO_BINARY_FOR_GPU"}, {INVALID_PTX, "CUDA_ERROR_INVALID_PTX"}, {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND"}, {NOT_READY, "CUDA_ERROR_NOT_READY"}, {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"}};

std::recursive_mutex lock;
#define LOCK std::lock_guard<std::recursive_mutex> guard(lock)
struct Lost {  // by device
  std::set<int> gone;
  operator bool() const;
} lost;
#define ALIVE if (lost) return LAUNCH_FAILED
u64 env(const char* name, u64 otherwise) { return emu::environment(name, otherwise); }
int devices() { return (int)env("EMU_DEVICES", 1); }

void note(const char* format, ...) {
  static FILE* log = [] { const char* path = getenv("EMU_LOG"); return path && *path ? fopen(path, "a") : nullptr; }();
  if (!log) return;
  va_list a;
  va_start(a, format);
  vfprintf(log, format, a);
  va_end(a);
  fputc('\n', log);
  fflush(log);
}
[[noreturn]] void die(const char* format, ...) {
  va_list a;
  va_start(a, format);
  fprintf(stderr, "emulated GPU: ");
  vfprintf(stderr, format, a);
  fputc('\n', stderr);
  va_end(a);
  abort();
}

// ---- contexts: the primary context of a device is its number + 1
thread_local Handle context = nullptr;
int device() { return context ? (int)(intptr_t)context - 1 : 0; }
Lost::operator bool() const { return gone.count(device()) > 0; }

// ---- device memory
constexpr size_t PAGE = 4096, RESERVED = 1ull << 42;
constexpr unsigned char BLANK = 0xff;  // NaN in f16, bf16, f32
struct Allocation { unsigned char* page; size_t pages, bytes; int device; };
std::map<Pointer, Allocation> allocations;
std::map<unsigned char*, size_t> pinned;
std::map<int, size_t> used;
unsigned char* next_page = nullptr;
int open_depth = 0;
size_t total() { return env("EMU_MEM", 4ull << 30); }

void on_fault(int, siginfo_t* info, void*) {
  char text[300];
  const int n = snprintf(text, sizeof text,
                         "emulated GPU: illegal address %p: kernel %s ran outside its buffers or its shared memory, or the host touched device memory\n",
                         info->si_addr, emu::machine.kernel);
  if (write(2, text, n) < 0) _exit(134);
  signal(SIGABRT, SIG_DFL);
  abort();
}

Result allocate(Pointer* p, size_t bytes) {
  if (bytes == 0) return INVALID_VALUE;
  if (used[device()] + bytes > total()) return OUT_OF_MEMORY;
  if (!next_page) {
    void* m = mmap(nullptr, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED) return OUT_OF_MEMORY;
    next_page = (unsigned char*)m + PAGE;
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
  }
  const size_t pages = (bytes + PAGE - 1) / PAGE;
  unsigned char* page = next_page;
  next_page += (pages + 1) * PAGE;
  if (mprotect(page, pages * PAGE, PROT_READ | PROT_WRITE)) return OUT_OF_MEMORY;
  memset(page, BLANK, pages * PAGE);
  if (!open_depth) mprotect(page, pages * PAGE, PROT_NONE);
  *p = (Pointer)(page + pages * PAGE - (bytes + 255) / 256 * 256);  // the guard page begins at most 255 bytes behind the end
  allocations[*p] = {page, pages, bytes, device()};
  used[device()] += bytes;
  note("alloc device %zu", bytes);
  return SUCCESS;
}
void canaries(Pointer p, const Allocation& a) {
  auto blank = [](const unsigned char* from, const unsigned char* to) {
    while (from < to) if (*from++ != BLANK) return false;
    return true;
  };
  if (!blank(a.page, (unsigned char*)p)) die("something wrote before the start of a buffer of %zu bytes", a.bytes);
  if (!blank((unsigned char*)p + a.bytes, a.page + a.pages * PAGE)) die("something wrote behind the end of a buffer of %zu bytes", a.bytes);
}
Result release(Pointer p) {
  auto i = allocations.find(p);
  if (i == allocations.end()) return INVALID_VALUE;
  used[i->second.device] -= i->second.bytes;
  note("free %zu", i->second.bytes);
  mprotect(i->second.page, i->second.pages * PAGE, PROT_NONE);
  madvise(i->second.page, i->second.pages * PAGE, MADV_DONTNEED);
  allocations.erase(i);
  return SUCCESS;
}
bool on_device(Pointer p, size_t bytes) {
  auto i = allocations.upper_bound(p);
  if (i == allocations.begin()) return false;
  --i;
  return p + bytes <= i->first + i->second.bytes;
}
bool is_pinned(const void* p, size_t bytes) {
  auto i = pinned.upper_bound((unsigned char*)p);
  if (i == pinned.begin()) return false;
  --i;
  return (unsigned char*)p + bytes <= i->first + i->second;
}
// Device memory is within reach while this lives.
struct Open {
  Open() { if (!open_depth++) reach(PROT_READ | PROT_WRITE); }
  ~Open() {
    if (open_depth == 1) for (auto& [p, a] : allocations) canaries(p, a);
    if (!--open_depth) reach(PROT_NONE);
  }
  static void reach(int how) { for (auto& [p, a] : allocations) mprotect(a.page, a.pages * PAGE, how); }
};

// ---- streams
using Work = std::function<void()>;
struct Graph { std::vector<Work> works; };
struct Stream { int number; std::deque<Work> queue; u64 issued = 0, done = 0; Graph* capture = nullptr; bool gone = false; int device = 0; };
struct Event { Stream* stream = nullptr; u64 at = 0; std::shared_ptr<double> time = std::make_shared<double>(0); };
Stream null_stream{0, {}, 0, 0, nullptr, false};
std::set<Stream*> streams;
Stream* stream_of(Handle h) { return h ? (Stream*)h : &null_stream; }

void run_to(Stream* s, u64 n) {
  if (s->done >= n) return;
  Open open;
  while (s->done < n && !s->queue.empty()) {
    Work w = std::move(s->queue.front());
    s->queue.pop_front();
    s->done++;
    w();
  }
}
void run_all() {
  run_to(&null_stream, null_stream.issued);
  for (Stream* s : streams) run_to(s, s->issued);
}
Result push(Handle h, Work w) {
  ALIVE;
  Stream* s = stream_of(h);
  if (s->gone || (h && s->device != device())) return INVALID_HANDLE;  // another GPU's context is this thread's
  if (s->capture) {
    s->capture->works.push_back(std::move(w));
  } else {
    s->queue.push_back(std::move(w));
    s->issued++;
  }
  return SUCCESS;
}
double now() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Other threads go on meanwhile.
void gate(const std::string& kernel) {
  static const char* file = getenv("EMU_GATE");
  static std::atomic<long> passes{0};
  if (!file || kernel != "embed") return;
  const long pass = ++passes;
  struct stat there;
  for (int waited = 0; waited < 120 * 100 && (stat(file, &there) || there.st_size < pass); waited++) usleep(10000);
}

// ---- modules
// Both belong to the context that was the thread's when they were made.
struct Module { std::string text; int device; };
struct Function { const emu::Kernel* kernel; std::string name; int device, shared = 48 * 1024; };
int most_shared() { const int cc = emu::capability(); return cc == 90 || cc == 100 ? 232448 : cc == 80 || cc == 87 ? 166912 : 101376; }
Result load(Handle* m, const void* image, std::string& why) {
  std::string text((const char*)image);
  const auto version = text.find("\n.version "), target = text.find("\n.target sm_");
  if (version == text.npos || target == text.npos) { why = "this is no PTX text"; return INVALID_PTX; }
  if (getenv("CUDA_DISABLE_PTX_JIT") && *getenv("CUDA_DISABLE_PTX_JIT") == '1') { why = "CUDA_DISABLE_PTX_JIT is set"; return NO_BINARY; }
  const char* arch = &text[target + 12];
  char* end;
  const long sm = strtol(arch, &end, 10);
  if (*end == 'a' ? sm != emu::capability() : sm > emu::capability()) {
    why = "PTX for sm_" + std::string(arch, (const char*)end + (*end == 'a')) + " on compute capability " + std::to_string(emu::capability());
    return NO_BINARY;
  }
  *m = new Module{text, device()};
  return SUCCESS;
}
}  // namespace

// ---- driver and devices
API cuInit(unsigned) { return devices() > 0 ? SUCCESS : NO_DEVICE; }
API cuDriverGetVersion(int* v) { *v = (int)env("EMU_DRIVER", 13000); return SUCCESS; }
API cuGetErrorName(Result r, const char** s) { auto i = ERRORS.find(r); *s = i == ERRORS.end() ? nullptr : i->second; return *s ? SUCCESS : INVALID_VALUE; }
API cuGetErrorString(Result r, const char** s) { return cuGetErrorName(r, s); }
API cuGetExportTable(const void** t, const void*) { *t = nullptr; return NOT_FOUND; }  // NVRTC 13 crashes where the symbol is missing
API cuDeviceGetCount(int* n) { *n = devices(); return SUCCESS; }
API cuDeviceGet(int* d, int i) { if (i < 0 || i >= devices()) return INVALID_DEVICE; *d = i; return SUCCESS; }
API cuDeviceGetName(char* s, int n, int d) { if (d < 0 || d >= devices()) return INVALID_DEVICE; snprintf(s, n, "CPU emulation%s", d && env("EMU_MIXED", 0) ? ", other" : ""); return SUCCESS; }
API cuDeviceGetUuid_v2(unsigned char* u, int d) { memset(u, 0, 16); u[15] = (unsigned char)(d + 1); return SUCCESS; }
API cuDeviceGetUuid(unsigned char* u, int d) { return cuDeviceGetUuid_v2(u, d); }
API cuDeviceTotalMem_v2(size_t* b, int) { *b = total(); return SUCCESS; }
API cuDeviceGetAttribute(int* v, int attribute, int d) {
  if (d < 0 || d >= devices()) return INVALID_DEVICE;
  switch (attribute) {
    case 1: *v = 1024; break;                              // threads of a block
    case 2: case 3: *v = 1024; break;
    case 4: *v = 64; break;
    case 5: *v = 2147483647; break;
    case 6: case 7: *v = 65535; break;
    case 8: *v = 49152; break;                             // shared memory of a block, without asking
    case 10: *v = 32; break;                               // warp
    case 13: *v = 1000000; break;                          // clock, kHz
    case 16: *v = (int)env("EMU_SMS", 4); break;           // multiprocessors
    case 38: *v = 32 << 20; break;                         // L2
    case 41: *v = 1; break;                                // unified addressing
    case 75: *v = emu::capability() / 10; break;
    case 76: *v = emu::capability() % 10; break;
    case 81: *v = most_shared() + 1024; break;             // shared memory of a multiprocessor
    case 97: *v = most_shared(); break;                    // of a block that asks for it
    case 115: *v = 1; break;                               // memory pools
    case 120: *v = emu::capability() >= 90; break;         // cluster launch
    default: *v = 0;
  }
  return SUCCESS;
}
API cuDevicePrimaryCtxRetain(Handle* c, int d) { if (d < 0 || d >= devices()) return INVALID_DEVICE; *c = (Handle)(intptr_t)(d + 1); return SUCCESS; }
API cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
API cuCtxGetCurrent(Handle* c) { *c = context; return SUCCESS; }
API cuCtxSetCurrent(Handle c) { context = c; return SUCCESS; }
API cuCtxGetDevice(int* d) { if (!context) return INVALID_CONTEXT; *d = device(); return SUCCESS; }
API cuCtxSynchronize() { LOCK; ALIVE; note("wait context"); run_all(); return lost ? LAUNCH_FAILED : SUCCESS; }

// ---- memory
API cuMemGetInfo_v2(size_t* free, size_t* all) { LOCK; if (!context) return INVALID_CONTEXT; ALIVE; note("ask for free memory"); *all = total(); *free = total() - used[device()]; return SUCCESS; }
API cuMemAlloc_v2(Pointer* p, size_t n) { LOCK; if (!context) return INVALID_CONTEXT; ALIVE; return allocate(p, n); }
API cuMemAllocAsync(Pointer* p, size_t n, Handle) { return cuMemAlloc_v2(p, n); }
API cuMemFree_v2(Pointer p) { LOCK; ALIVE; note("wait free"); run_all(); return release(p); }
// As early as the API allows: this stream's work is done, another's may not be, and then it faults.
API cuMemFreeAsync(Pointer p, Handle h) { LOCK; ALIVE; run_to(stream_of(h), stream_of(h)->issued); return release(p); }
API cuMemHostAlloc(void** p, size_t n, unsigned) {
  LOCK;
  ALIVE;
  if (!n) return INVALID_VALUE;
  *p = aligned_alloc(PAGE, (n + PAGE - 1) / PAGE * PAGE);
  if (!*p) return OUT_OF_MEMORY;
  memset(*p, BLANK, n);
  pinned[(unsigned char*)*p] = n;
  note("alloc host %zu", n);
  return SUCCESS;
}
// The memory stays, as NaN, for a copy that is still to come.
API cuMemFreeHost(void* p) {
  LOCK;
  auto i = pinned.find((unsigned char*)p);
  if (i == pinned.end()) return INVALID_VALUE;
  memset(p, BLANK, i->second);
  pinned.erase(i);
  return SUCCESS;
}
API cuMemcpyHtoDAsync_v2(Pointer d, const void* s, size_t n, Handle h) {
  LOCK;
  ALIVE;
  if (!on_device(d, n)) return INVALID_VALUE;
  const bool pin = is_pinned(s, n);
  note("copy htod %zu %s stream %d", n, pin ? "pinned" : "pageable", stream_of(h)->number);
  if (pin) return push(h, [=] { memcpy((void*)d, s, n); });
  auto copy = std::make_shared<std::vector<char>>((const char*)s, (const char*)s + n);
  return push(h, [=] { memcpy((void*)d, copy->data(), n); });
}
API cuMemcpyHtoD_v2(Pointer d, const void* s, size_t n) {
  LOCK;
  if (Result r = cuMemcpyHtoDAsync_v2(d, s, n, nullptr)) return r;
  note("wait copy");
  run_to(&null_stream, null_stream.issued);
  return lost ? LAUNCH_FAILED : SUCCESS;
}
API cuMemcpyDtoHAsync_v2(void* d, Pointer s, size_t n, Handle h) {
  LOCK;
  ALIVE;
  if (!on_device(s, n)) return INVALID_VALUE;
  const bool pin = is_pinned(d, n);
  note("copy dtoh %zu %s stream %d", n, pin ? "pinned" : "pageable", stream_of(h)->number);
  if (Result r = push(h, [=] { memcpy(d, (const void*)s, n); })) return r;
  if (!pin && !stream_of(h)->capture) {  // the driver waits for it
    note("wait copy");
    run_to(stream_of(h), stream_of(h)->issued);
  }
  return lost ? LAUNCH_FAILED : SUCCESS;
}
API cuMemcpyDtoH_v2(void* d, Pointer s, size_t n) {
  LOCK;
  if (Result r = cuMemcpyDtoHAsync_v2(d, s, n, nullptr)) return r;
  run_to(&null_stream, null_stream.issued);
  return lost ? LAUNCH_FAILED : SUCCESS;
}
API cuMemcpyDtoDAsync_v2(Pointer d, Pointer s, size_t n, Handle h) {
  LOCK;
  ALIVE;
  if (!on_device(d, n) || !on_device(s, n)) return INVALID_VALUE;
  note("copy dtod %zu stream %d", n, stream_of(h)->number);
  return push(h, [=] { memmove((void*)d, (const void*)s, n); });
}
API cuMemsetD8Async(Pointer d, unsigned char v, size_t n, Handle h) {
  LOCK;
  ALIVE;
  if (!on_device(d, n)) return INVALID_VALUE;
  note("set %zu stream %d", n, stream_of(h)->number);
  return push(h, [=] { memset((void*)d, v, n); });
}
API cuMemsetD32Async(Pointer d, unsigned v, size_t n, Handle h) {
  LOCK;
  ALIVE;
  if (d % 4 || !on_device(d, 4 * n)) return INVALID_VALUE;
  note("set %zu stream %d", 4 * n, stream_of(h)->number);
  return push(h, [=] { for (size_t i = 0; i < n; i++) ((unsigned*)d)[i] = v; });
}
API cuMemsetD8_v2(Pointer d, unsigned char v, size_t n) { return cuMemsetD8Async(d, v, n, nullptr); }

// ---- streams and events
API cuStreamCreate(Handle* s, unsigned) {
  LOCK;
  ALIVE;
  if (!context) return INVALID_CONTEXT;
  auto* made = new Stream{(int)streams.size() + 1, {}, 0, 0, nullptr, false, device()};
  streams.insert(made);
  *s = made;
  return SUCCESS;
}
API cuStreamCreateWithPriority(Handle* s, unsigned f, int) { return cuStreamCreate(s, f); }
API cuStreamDestroy_v2(Handle s) { LOCK; Stream* x = stream_of(s); if (!lost) run_to(x, x->issued); x->gone = true; return SUCCESS; }  // kept: events may name it
API cuStreamSynchronize(Handle s) { LOCK; ALIVE; note("wait stream %d", stream_of(s)->number); run_to(stream_of(s), stream_of(s)->issued); return lost ? LAUNCH_FAILED : SUCCESS; }
API cuStreamQuery(Handle s) { LOCK; ALIVE; Stream* x = stream_of(s); if (x->done >= x->issued) return SUCCESS; run_to(x, x->done + 1); return NOT_READY; }
API cuStreamWaitEvent(Handle s, Handle e, unsigned) {
  LOCK;
  ALIVE;
  auto* event = (Event*)e;
  if (!event->stream || event->stream == stream_of(s)) return SUCCESS;
  Stream* other = event->stream;
  const u64 at = event->at;
  return push(s, [=] { run_to(other, at); });
}
API cuEventCreate(Handle* e, unsigned) { *e = new Event; return SUCCESS; }
API cuEventDestroy_v2(Handle e) { delete (Event*)e; return SUCCESS; }
API cuEventRecord(Handle e, Handle s) {
  LOCK;
  auto* event = (Event*)e;
  auto time = event->time;
  const Result r = push(s, [=] { *time = now(); });
  event->stream = stream_of(s);
  event->at = event->stream->issued;
  return r;
}
API cuEventSynchronize(Handle e) { LOCK; ALIVE; auto* x = (Event*)e; note("wait event"); if (x->stream) run_to(x->stream, x->at); return lost ? LAUNCH_FAILED : SUCCESS; }
API cuEventQuery(Handle e) {
  LOCK;
  ALIVE;
  auto* x = (Event*)e;
  if (!x->stream || x->stream->done >= x->at) return SUCCESS;
  run_to(x->stream, x->stream->done + 1);
  return NOT_READY;
}
API cuEventElapsedTime(float* ms, Handle a, Handle b) {
  LOCK;
  auto *x = (Event*)a, *y = (Event*)b;
  if (!x->stream || !y->stream) return INVALID_HANDLE;
  if (x->stream->done < x->at || y->stream->done < y->at) return NOT_READY;
  *ms = (float)(*y->time - *x->time);
  return SUCCESS;
}
API cuEventElapsedTime_v2(float* ms, Handle a, Handle b) { return cuEventElapsedTime(ms, a, b); }

// ---- modules and launches
API cuModuleLoadDataEx(Handle* m, const void* image, unsigned n, const int* options, void** values) {
  LOCK;
  ALIVE;
  if (!context) return INVALID_CONTEXT;
  std::string why;
  const Result r = load(m, image, why);
  char* log = nullptr;  // CU_JIT_ERROR_LOG_BUFFER and its size
  size_t room = 0;
  for (unsigned i = 0; i < n; i++) {
    if (options[i] == 5) log = (char*)values[i];
    if (options[i] == 6) room = (size_t)(uintptr_t)values[i];
  }
  if (log && room) snprintf(log, room, "%s", why.c_str());
  return r;
}
API cuModuleLoadData(Handle* m, const void* image) { return cuModuleLoadDataEx(m, image, 0, nullptr, nullptr); }
API cuModuleUnload(Handle m) { delete (Module*)m; return SUCCESS; }
API cuModuleGetFunction(Handle* f, Handle m, const char* name) {
  LOCK;
  if (!context || ((Module*)m)->device != device()) return INVALID_CONTEXT;
  auto i = emu::kernels().find(name);
  if (i == emu::kernels().end() || ((Module*)m)->text.find(std::string(".entry ") + name + "(") == std::string::npos) return NOT_FOUND;
  *f = new Function{&i->second, name, device()};
  return SUCCESS;
}
API cuFuncGetAttribute(int* v, int attribute, Handle f) {
  auto* x = (Function*)f;
  *v = attribute == 0 ? (int)x->kernel->threads : attribute == 8 ? x->shared : 0;
  return SUCCESS;
}
API cuFuncSetAttribute(Handle f, int attribute, int v) {
  if (!context || ((Function*)f)->device != device()) return INVALID_CONTEXT;
  if (attribute == 8) {
    if (v > most_shared()) return INVALID_VALUE;
    ((Function*)f)->shared = v;
  }
  return SUCCESS;
}
API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, Handle f, int, size_t shared) { *n = (int)std::max<size_t>(1, (size_t)most_shared() / std::max<size_t>(shared + 1024, 1)); if (((Function*)f)->kernel->threads * *n > 1536) *n = 1; return SUCCESS; }
API cuLaunchKernel(Handle f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, Handle s, void** parameters, void**) {
  gate(((Function*)f)->name);
  LOCK;
  if (!context) return INVALID_CONTEXT;
  ALIVE;
  auto* k = (Function*)f;
  if (k->device != device()) return INVALID_HANDLE;
  note("launch %s grid %u,%u,%u block %u,%u,%u shared %u stream %d", k->name.c_str(), gx, gy, gz, bx, by, bz, shared, stream_of(s)->number);
  static u64 left = env("EMU_FAIL_AFTER", ~0ull);
  if ((u64)device() == env("EMU_FAIL_DEVICE", 0) && left-- == 0) {  // the launch is accepted, as launches are; whatever is asked next says that the device is gone
    lost.gone.insert(device());
    return SUCCESS;
  }
  if (!gx || !gy || !gz || gx > 2147483647u || gy > 65535 || gz > 65535 || bx * by * bz == 0 || bx * by * bz > 1024) return INVALID_VALUE;
  if ((int)shared > k->shared || gx % k->kernel->cluster) return INVALID_VALUE;
  if (bx != k->kernel->threads || by != 1 || bz != 1) die("%s launched with %u x %u x %u threads, it is written for %u", k->name.c_str(), bx, by, bz, k->kernel->threads);
  const bool hangs = emu::is_meant("EMU_HANG", k->name.c_str());
  const unsigned skipped = emu::is_meant("EMU_SKIP", k->name.c_str()) ? (unsigned)k->kernel->cluster : 0;
  return push(s, [run = k->kernel->bind(parameters), x = gx - skipped, gy, gz, shared, hangs] {
    while (hangs) sleep(1);
    if (x) run({x, gy, gz}, shared);
  });
}
API cuTensorMapEncodeTiled(void* map, int type, unsigned rank, void* at, const u64* size, const u64* stride, const unsigned* box, const unsigned* step,
                           int interleave, int swizzle, int promotion, int fill) {
  if (emu::capability() < 90) return NOT_SUPPORTED;
  if (type != 6 || rank != 2 || interleave || swizzle != 3 || fill || promotion < 0 || promotion > 3) return INVALID_VALUE;
  if ((uintptr_t)map % 64 || (uintptr_t)at % 16 || stride[0] % 16 || stride[0] >= 1ull << 40 || !size[0] || !size[1] || size[0] > 1ull << 32 || size[1] > 1ull << 32) return INVALID_VALUE;
  if (!box[0] || !box[1] || box[0] > 256 || box[1] > 256 || box[0] * 2 > 128 || box[0] * 2 % 16 || step[0] != 1 || step[1] != 1) return INVALID_VALUE;
  if (!on_device((Pointer)at, (size[1] - 1) * stride[0] + size[0] * 2)) return INVALID_VALUE;
  const emu::MapFields t = {(unsigned char*)at, size[0], size[1], stride[0], box[0], box[1], emu::MAP_MAGIC};
  memset(map, 0, 128);
  memcpy(map, &t, sizeof t);
  return SUCCESS;
}

// ---- graphs
API cuStreamBeginCapture_v2(Handle s, int) { LOCK; ALIVE; stream_of(s)->capture = new Graph; return SUCCESS; }
API cuStreamEndCapture(Handle s, Handle* g) { LOCK; *g = stream_of(s)->capture; stream_of(s)->capture = nullptr; return *g ? SUCCESS : INVALID_HANDLE; }
API cuGraphInstantiateWithFlags(Handle* e, Handle g, u64) { *e = new Graph(*(Graph*)g); return SUCCESS; }
API cuGraphUpload(Handle, Handle) { return SUCCESS; }
API cuGraphLaunch(Handle e, Handle s) {
  LOCK;
  for (const Work& w : ((Graph*)e)->works)
    if (Result r = push(s, w)) return r;
  return SUCCESS;
}
API cuGraphExecDestroy(Handle e) { delete (Graph*)e; return SUCCESS; }
API cuGraphDestroy(Handle g) { delete (Graph*)g; return SUCCESS; }
