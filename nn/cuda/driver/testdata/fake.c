/* A libcuda.so.1 for tests, which does what it is told on the CPU, in a small way.

   Work in the stream, copies among it, is done when somebody waits for it, as late as a card
   may do it: who does not wait reads what was there before. Handles are checked, and a wrong
   one ends the process, as a driver would that follows it; so does the release of a module or
   a graph that may be at work.

   It has two kernels, by name: fill(p, value, n) writes value to n numbers of 32 bits, and
   add(p, value, n) adds it to them.

   ICAR_FAKE_CUDA names a fault: none, nodevice, old, full (memory of 1 MiB), jit, small
   (shared memory of 48 KiB), and of the third launch hang, crash, end, lost. The others are
   of processes that start after a first one: beside-start does not start, beside-fail,
   beside-hang, beside-crash do not compile.

   What is compiled is kept in the folder CUDA_CACHE_PATH, by the text, and found there by
   every process, unless CUDA_CACHE_DISABLE is 1. The file log in it has a line for every
   start, hit, and begin and end of a compilation, with the process and the text. Compilations
   take ICAR_FAKE_CUDA_COMPILE milliseconds; with ICAR_FAKE_CUDA_TOGETHER = n they end n at a
   time, once so many have begun. The context of every process takes ICAR_FAKE_CUDA_CONTEXT
   MiB of the card's memory as long as it lives, of ICAR_FAKE_CUDA_MEMORY, and from the third
   launch on every launch needs ICAR_FAKE_CUDA_LAUNCH MiB of what is left. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int result;
typedef unsigned long long word;

#define CARD 0
#define CONTEXT ((void *)0xc0)
#define STREAM ((void *)0x57)

static int fault(const char *name)
{
	const char *f = getenv("ICAR_FAKE_CUDA");
	return f && !strcmp(f, name);
}

static void crash(const char *what)
{
	fprintf(stderr, "fake: %s\n", what);
	abort();
}

/* The log and the cache. */
static long setting(const char *name)
{
	const char *v = getenv(name);
	return v ? atol(v) : 0;
}

static const char *folder(void) { return getenv("CUDA_CACHE_PATH"); }

static char *in(const char *file)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder(), file);
	return path;
}

static uint64_t key(const char *text)
{
	uint64_t h = 14695981039346656037u;
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return h;
}

/* Writes a line, at once, to the end of the log. */
static void note(const char *what, uint64_t of)
{
	char line[100];
	int n = snprintf(line, sizeof line, "%s %d %016llx\n", what, getpid(), (word)of), f;
	if (!folder())
		return;
	if ((f = open(in("log"), O_WRONLY | O_CREAT | O_APPEND, 0600)) < 0 || write(f, line, n) != n)
		crash("no log");
	close(f);
}

/* Returns the number of a process's first line of a kind among all of them, and how many
   there are; of a process that is 0, of those that live. */
static int line(const char *kind, int process, uint64_t of, int *count)
{
	char what[100];
	int first = -1, n = 0, pid;
	word key;
	FILE *f = folder() ? fopen(in("log"), "r") : 0;
	while (f && fscanf(f, "%99s %d %llx", what, &pid, &key) == 3) {
		if (strcmp(what, kind) || !process && kill(pid, 0))
			continue;
		if (pid == process && key == of)
			first = n;
		n++;
	}
	if (f)
		fclose(f);
	if (count)
		*count = n;
	return first;
}

/* Says whether another process has started before. */
static int beside(void) { return line("start", getpid(), 0, 0) > 0; }

static void compile(const char *text)
{
	int together = setting("ICAR_FAKE_CUDA_TOGETHER"), begun = 0, cached;
	uint64_t k = key(text);
	char name[32];
	snprintf(name, sizeof name, "%016llx", (word)k);
	cached = folder() && !(getenv("CUDA_CACHE_DISABLE") && setting("CUDA_CACHE_DISABLE") == 1);
	if (cached && !access(in(name), F_OK)) {
		note("hit", k);
		return;
	}
	note("begin", k);
	if (together) {
		int own = line("begin", getpid(), k, 0);
		for (; begun < (own / together + 1) * together; usleep(1000))
			line("begin", -1, 0, &begun);
	}
	usleep(1000 * setting("ICAR_FAKE_CUDA_COMPILE"));
	note("end", k);
	if (cached)
		close(open(in(name), O_WRONLY | O_CREAT, 0600));
}

/* Memory. */
static struct { char *at; size_t bytes; } held[4096];
static int holds;
static size_t used;

static void inside(uint64_t p, size_t n)
{
	for (int i = 0; i < holds; i++)
		if (held[i].at && (uint64_t)held[i].at <= p &&
			p + n <= (uint64_t)held[i].at + held[i].bytes)
			return;
	crash("an access outside of memory");
}

static size_t total(void)
{
	size_t mib = setting("ICAR_FAKE_CUDA_MEMORY");
	return mib ? mib << 20 : fault("full") ? 1 << 20 : (size_t)1 << 30;
}

/* What the other processes leave. */
static size_t left(void)
{
	int others = 0;
	size_t each = (size_t)setting("ICAR_FAKE_CUDA_CONTEXT") << 20;
	if (each)
		line("start", 0, 0, &others);
	return each * others > total() ? 0 : total() - each * others;
}

/* Kernels: a module is its text. */
static struct function {
	const char *name;
	int allowed;
} all[] = {{"fill", 48 << 10}, {"add", 48 << 10}};
static int modules;

/* Work. */
struct job { struct function *f; uint64_t p; uint32_t value, n; void *to, *from; size_t bytes; };
struct queue { struct job *jobs; int n; };
static struct queue stream, *graph;
static int capturing, launches, current;

static void put(struct queue *q, struct job j)
{
	q->jobs = realloc(q->jobs, (q->n + 1) * sizeof j);
	q->jobs[q->n++] = j;
}

/* Does all that is in the stream; a copy is a job without a function. */
static void drain(void)
{
	for (int i = 0; i < stream.n; i++) {
		struct job j = stream.jobs[i];
		if (!j.f) {
			memcpy(j.to, j.from, j.bytes);
			continue;
		}
		inside(j.p, 4 * (size_t)j.n);
		uint32_t *x = (uint32_t *)j.p;
		for (uint32_t k = 0; k < j.n; k++)
			x[k] = j.value + (j.f == &all[1] ? x[k] : 0);
	}
	stream.n = 0;
}

result cuInit(unsigned flags)
{
	note("start", 0);
	if (fault("beside-start") && beside())
		return 999;
	return fault("nodevice") ? 100 : 0;
}

result cuDriverGetVersion(int *v) { *v = 12040; return 0; }
result cuDeviceGetCount(int *n) { *n = 1; return 0; }
result cuDeviceGet(int *d, int i) { *d = CARD; return i; }
result cuDeviceTotalMem_v2(size_t *n, int d) { *n = total(); return d; }
result cuDeviceGetName(char *s, int n, int d) { snprintf(s, n, "Fake 9000"); return d; }

result cuDeviceGetAttribute(int *v, int a, int d)
{
	switch (a) {
	case 16: *v = 3; return d;
	case 75: *v = fault("old") ? 6 : 9; return d;
	case 76: *v = fault("old") ? 1 : 0; return d;
	case 97: *v = fault("small") ? 48 << 10 : 227 << 10; return d;
	}
	return 1;
}

result cuGetErrorString(int e, const char **s)
{
	switch (e) {
	case 2: *s = "out of memory"; return 0;
	case 100: *s = "no CUDA-capable device is detected"; return 0;
	case 218: *s = "a PTX JIT compilation failed"; return 0;
	case 719: *s = "unspecified launch failure"; return 0;
	}
	return 1;
}

result cuDevicePrimaryCtxRetain(void **c, int d) { *c = CONTEXT; return d; }
result cuCtxSetCurrent(void *c) { return (current = c == CONTEXT) ? 0 : 201; }
result cuStreamCreate(void **s, unsigned flags)
{
	*s = STREAM;
	return !current ? 201 : flags != 1;
}

static void known(void *s)
{
	if (s != STREAM)
		crash("another stream");
}

result cuStreamSynchronize(void *s)
{
	known(s);
	if (capturing)
		return 900;
	drain();
	return 0;
}

result cuStreamBeginCapture_v2(void *s, int mode)
{
	known(s);
	graph = calloc(1, sizeof *graph);
	capturing = 1;
	return mode != 2;
}

// alive are graphs, what was made of them, and modules that nobody has released: there is
// memory for few.
static int alive[3];
enum { MOST = 8 };

static result hold(int what, int by) { return (alive[what] += by) > MOST ? 2 : 0; }

result cuStreamEndCapture(void *s, void **g)
{
	known(s);
	capturing = 0;
	*g = graph;
	return hold(0, 1);
}

result cuGraphInstantiateWithFlags(void **e, void *g, word flags)
{
	struct queue *q = malloc(sizeof *q), *from = g;
	q->n = from->n;
	q->jobs = malloc((from->n + 1) * sizeof *q->jobs);
	memcpy(q->jobs, from->jobs, from->n * sizeof *q->jobs);
	*e = q;
	return flags ? 1 : hold(1, 1);
}

static void idle(void)
{
	if (stream.n)
		crash("what may be at work is released");
}

result cuGraphDestroy(void *g) { memset(g, 0xee, sizeof(struct queue)); return hold(0, -1); }

result cuGraphExecDestroy(void *g)
{
	idle();
	memset(g, 0xee, sizeof(struct queue));
	return hold(1, -1);
}

result cuGraphLaunch(void *g, void *s)
{
	struct queue *q = g;
	known(s);
	for (int i = 0; i < q->n; i++)
		put(&stream, q->jobs[i]);
	return 0;
}

result cuModuleLoadDataEx(void **m, const char *text, unsigned n, int *options, void **values)
{
	if (n != 2 || options[0] != 5 || options[1] != 6)
		crash("other options");
	if (fault("jit") || strstr(text, "nonsense")) {
		snprintf(values[0], (size_t)values[1], "ptxas application ptx input, line 3; error   :\n"
			" Unknown symbol 'nonsense'\n");
		return 218;
	}
	if (fault("beside-fail") && beside())
		return 218;
	if (fault("beside-crash") && beside())
		crash("the compiler has met a fault");
	while (fault("beside-hang") && beside())
		pause();
	compile(text);
	*m = (void *)(uint64_t)(0x1000 + ++modules);
	return hold(2, 1);
}

result cuModuleUnload(void *m)
{
	idle();
	return (uint64_t)m <= 0x1000 ? 1 : hold(2, -1);
}

result cuModuleGetFunction(void **f, void *m, const char *name)
{
	for (int i = 0; i < 2; i++)
		if (!strcmp(all[i].name, name)) {
			*f = &all[i];
			return 0;
		}
	return 500;
}

result cuFuncSetAttribute(struct function *f, int a, int v)
{
	if (f != &all[0] && f != &all[1])
		crash("no function");
	if (a == 8)
		f->allowed = v;
	return a != 8;
}

result cuMemGetInfo_v2(size_t *free, size_t *all)
{
	*all = total();
	*free = left() < used ? 0 : left() - used;
	return 0;
}

result cuMemAlloc_v2(uint64_t *p, size_t n)
{
	if (used + n > left() || holds == 4096)
		return 2;
	used += n;
	held[holds].at = aligned_alloc(256, (n + 255) / 256 * 256);
	memset(held[holds].at, 0xa5, n);
	held[holds].bytes = n;
	*p = (uint64_t)held[holds++].at;
	return 0;
}

result cuMemFree_v2(uint64_t p)
{
	drain();
	for (int i = 0; i < holds; i++)
		if (held[i].at == (char *)p) {
			used -= held[i].bytes;
			free(held[i].at);
			held[i].at = 0;
			return 0;
		}
	crash("memory that is not held is released");
	return 1;
}

static result copy(uint64_t at, void *to, void *from, size_t n, void *s)
{
	known(s);
	if (capturing)
		return 900;
	inside(at, n);
	put(&stream, (struct job){.to = to, .from = from, .bytes = n});
	return 0;
}

result cuMemcpyHtoDAsync_v2(uint64_t to, void *from, size_t n, void *s)
{
	return copy(to, (void *)to, from, n, s);
}

result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, void *s)
{
	return copy(from, to, (void *)from, n, s);
}

result cuLaunchKernel(struct function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
	unsigned by, unsigned bz, unsigned shared, void *s, void **args, void **extra)
{
	known(s);
	if (extra || gy != 2 || gz != 1 || by != 1 || bz != 1)
		crash("another grid");
	if (f != &all[0] && f != &all[1] || (int)shared > f->allowed || gx * bx < *(uint32_t *)args[2])
		return 1;
	if (++launches >= 3 && left() < used + ((size_t)setting("ICAR_FAKE_CUDA_LAUNCH") << 20))
		return 2;
	if (launches == 3) {
		if (fault("hang"))
			for (;;)
				pause();
		if (fault("crash"))
			crash("NVRM: the driver has met a fault");
		if (fault("end"))
			_exit(9);
		if (fault("lost"))
			return 719;
	}
	struct job j = {f, *(uint64_t *)args[0], *(uint32_t *)args[1], *(uint32_t *)args[2]};
	put(capturing ? graph : &stream, j);
	return 0;
}
