/* A plugin of qemu-user that counts what a program for arm64 executes, for
   docs/kernels.md:

       cc -O2 -shared -fPIC -o count.so nn/testdata/count.c
       GOARCH=arm64 go test -c -o nn.test ./nn
       GOMAXPROCS=1 qemu-aarch64 -plugin ./count.so -d plugin nn.test -test.run XXX \
           -test.bench 'Engine/fig7-H8/neon$' -test.benchtime 1x

   and the same with 3x, which makes two steps more. It needs qemu-aarch64 of
   Debian's qemu-user, whose interface for plugins, version 1, is declared here as
   far as it is used: Debian has no header of it. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op,
						void *, uint64_t);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
					   void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
void qemu_plugin_outs(const char *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* Loads and stores are counted in registers: one of four registers is four. */
enum { ALL, FMA, SIMD, LOADS, STORES, KINDS };
static const char *names[KINDS] = {"instructions", "vector multiply-adds",
	"other SIMD and float", "registers loaded", "registers stored"};
static uint64_t counts[KINDS];

static void count(struct qemu_plugin_insn *i, int kind, uint64_t n)
{
	qemu_plugin_register_vcpu_insn_exec_inline(i, QEMU_PLUGIN_INLINE_ADD_U64, &counts[kind], n);
}

/* The registers that a load or store moves, and whether it loads. */
static uint64_t registers(uint32_t w)
{
	if ((w & 0xbf000000) == 0x0c000000) /* LD1 and ST1 of whole registers */
		switch (w >> 12 & 15) {
		case 7: return 1;
		case 10: return 2;
		case 6: return 3;
		default: return 4;
		}
	return (w & 0x38000000) == 0x28000000 ? 2 : 1; /* LDP and STP, or one */
}

static int loads(uint32_t w)
{
	if ((w & 0x3b000000) == 0x18000000) /* LDR of a constant in the program */
		return 1;
	if ((w & 0x3c000000) == 0x38000000) /* LDR and STR of integers: 2 and 3 extend the sign */
		return (w >> 22 & 3) != 0;
	return w >> 22 & 1;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t k = 0; k < qemu_plugin_tb_n_insns(tb); k++) {
		struct qemu_plugin_insn *i = qemu_plugin_tb_get_insn(tb, k);
		uint32_t w = *(const uint32_t *)qemu_plugin_insn_data(i);
		count(i, ALL, 1);
		if ((w & 0xff60fc00) == 0x4e20cc00) /* FMLA and FMLS of four lanes: bit 23 tells which */
			count(i, FMA, 1);
		else if ((w >> 25 & 7) == 7)
			count(i, SIMD, 1);
		else if ((w & 0x0a000000) == 0x08000000)
			count(i, loads(w) ? LOADS : STORES, registers(w));
	}
}

static void done(qemu_plugin_id_t id, void *unused)
{
	char line[100];
	(void)id, (void)unused;
	for (int k = 0; k < KINDS; k++) {
		snprintf(line, sizeof line, "%14llu %s\n", (unsigned long long)counts[k], names[k]);
		qemu_plugin_outs(line);
	}
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, done, NULL);
	return 0;
}
