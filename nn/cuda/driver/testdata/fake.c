/* A libcuda.so.1 for tests, which does what it is told on the CPU, in a small way.

   Work in the stream is done when somebody waits for it, as late as a card may do it: who
   copies past the stream reads what was there before. Handles are checked, and a wrong
   one ends the process, as a driver would that follows it.

   It has two kernels, by name: fill(p, value, n) writes value to n numbers of 32 bits, and
   add(p, value, n) adds it to them.

   ICAR_FAKE_CUDA names a fault: none, nodevice, old, full (memory of 1 MiB), jit, small
   (shared memory of 48 KiB), and of the third launch hang, crash, end, lost. */
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

/* Memory. */
static struct { char *at; size_t bytes; } held[4096];
static int holds;
static size_t used;

static void inside(uint64_t p, size_t n)
{
	for (int i = 0; i < holds; i++)
		if (held[i].at && (uint64_t)held[i].at <= p && p + n <= (uint64_t)held[i].at + held[i].bytes)
			return;
	crash("an access outside of memory");
}

static size_t total(void) { return fault("full") ? 1 << 20 : (size_t)1 << 30; }

/* Kernels: a module is its text. */
static struct function {
	const char *name;
	int allowed;
} all[] = {{"fill", 48 << 10}, {"add", 48 << 10}};
static int modules;

/* Work. */
struct job { struct function *f; uint64_t p; uint32_t value, n; };
struct queue { struct job *jobs; int n; };
static struct queue stream, *graph;
static int capturing, launches;

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
		inside(j.p, 4 * (size_t)j.n);
		uint32_t *x = (uint32_t *)j.p;
		for (uint32_t k = 0; k < j.n; k++)
			x[k] = j.value + (j.f == &all[1] ? x[k] : 0);
	}
	stream.n = 0;
}

result cuInit(unsigned flags) { return fault("nodevice") ? 100 : 0; }
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
result cuCtxSetCurrent(void *c) { return c == CONTEXT ? 0 : 201; }
result cuStreamCreate(void **s, unsigned flags) { *s = STREAM; return flags != 1; }

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

result cuGraphDestroy(void *g) { memset(g, 0xee, sizeof(struct queue)); return hold(0, -1); }
result cuGraphExecDestroy(void *g) { memset(g, 0xee, sizeof(struct queue)); return hold(1, -1); }

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
	*m = (void *)(uint64_t)(0x1000 + ++modules);
	return hold(2, 1);
}

result cuModuleUnload(void *m) { return (uint64_t)m <= 0x1000 ? 1 : hold(2, -1); }

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

result cuMemGetInfo_v2(size_t *free, size_t *all) { *all = total(); *free = *all - used; return 0; }

result cuMemAlloc_v2(uint64_t *p, size_t n)
{
	if (used + n > total() || holds == 4096)
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

result cuMemcpyHtoDAsync_v2(uint64_t to, void *from, size_t n, void *s)
{
	known(s);
	drain();
	inside(to, n);
	memcpy((void *)to, from, n);
	return 0;
}

result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, void *s)
{
	known(s);
	drain();
	inside(from, n);
	memcpy(to, (void *)from, n);
	return 0;
}

result cuLaunchKernel(struct function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
	unsigned by, unsigned bz, unsigned shared, void *s, void **args, void **extra)
{
	known(s);
	if (extra || gy != 2 || gz != 1 || by != 1 || bz != 1)
		crash("another grid");
	if (f != &all[0] && f != &all[1] || (int)shared > f->allowed || gx * bx < *(uint32_t *)args[2])
		return 1;
	if (++launches == 3) {
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
