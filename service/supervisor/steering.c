/* The program sees a packet as it leaves for the TUN, from its IP header on. The kernel takes the
 * remainder of its result by the number of queues. A load beyond the packet's end ends it with 0,
 * the first queue. */
#include "service/supervisor/steering.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    DNS_PORT = 53,
    IP6_HEADER = 40,
    MORE_FRAGMENTS_OR_OFFSET = 0x3fff,
    SHIFT = 16,
};
/* Neighbouring ports must part: an application's next one is mostly two further. */
#define FACTOR 0x9e3779b1u

unsigned steering_queue(uint16_t own_port, uint16_t peer_port, unsigned queues)
{
    return peer_port == DNS_PORT ? 0 : (own_port * FACTOR >> SHIFT) % queues;
}

/* A little assembler; jumps say how many instructions they skip. R0 is what a load yields and what
 * the program returns; loads destroy R1 to R5. */
#define OP(operation, to, value)                                                                   \
    {                                                                                              \
        .code = BPF_ALU64 | (operation) | BPF_K, .dst_reg = (to), .imm = (int32_t)(value)          \
    }
#define OP32(operation, to, value)                                                                 \
    {                                                                                              \
        .code = BPF_ALU | (operation) | BPF_K, .dst_reg = (to), .imm = (int32_t)(value)            \
    }
#define COPY(to, from)                                                                             \
    {                                                                                              \
        .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from)                    \
    }
#define LOAD(width, at)                                                                            \
    {                                                                                              \
        .code = BPF_LD | BPF_ABS | (width), .imm = (at)                                            \
    }
#define LOAD_BEHIND(base, width, at)                                                               \
    {                                                                                              \
        .code = BPF_LD | BPF_IND | (width), .src_reg = (base), .imm = (at)                         \
    }
#define JUMP(condition, value, skips)                                                              \
    {                                                                                              \
        .code = BPF_JMP | (condition) | BPF_K, .dst_reg = BPF_REG_0, .off = (skips),               \
        .imm = (value)                                                                             \
    }
#define GO(skips)                                                                                  \
    {                                                                                              \
        .code = BPF_JMP | BPF_JA, .off = (skips)                                                   \
    }
#define RETURN                                                                                     \
    {                                                                                              \
        .code = BPF_JMP | BPF_EXIT                                                                 \
    }

static const struct bpf_insn program[] = {
    COPY(BPF_REG_6, BPF_REG_1), /* loads expect the packet there */
    LOAD(BPF_B, 0),
    OP(BPF_RSH, BPF_REG_0, 4),
    JUMP(BPF_JEQ, 4, 6),
    JUMP(BPF_JNE, 6, 22),
    /* IPv6: ports only behind the plain header */
    LOAD(BPF_B, 6),
    OP(BPF_MOV, BPF_REG_7, IP6_HEADER),
    JUMP(BPF_JEQ, IPPROTO_TCP, 11),
    JUMP(BPF_JEQ, IPPROTO_UDP, 10),
    GO(17),
    /* IPv4 */
    LOAD(BPF_H, 6),
    JUMP(BPF_JSET, MORE_FRAGMENTS_OR_OFFSET, 15),
    LOAD(BPF_B, 0),
    OP(BPF_AND, BPF_REG_0, 0xf),
    OP(BPF_LSH, BPF_REG_0, 2),
    COPY(BPF_REG_7, BPF_REG_0),
    LOAD(BPF_B, 9),
    JUMP(BPF_JEQ, IPPROTO_TCP, 1),
    JUMP(BPF_JNE, IPPROTO_UDP, 8),
    /* ports at R7 */
    LOAD_BEHIND(BPF_REG_7, BPF_H, 0),
    COPY(BPF_REG_8, BPF_REG_0),
    LOAD_BEHIND(BPF_REG_7, BPF_H, 2),
    JUMP(BPF_JEQ, DNS_PORT, 4),
    COPY(BPF_REG_0, BPF_REG_8),
    OP32(BPF_MUL, BPF_REG_0, FACTOR),
    OP32(BPF_RSH, BPF_REG_0, SHIFT),
    RETURN,
    /* the first */
    OP(BPF_MOV, BPF_REG_0, 0),
    RETURN,
};

int steering_load(void)
{
    static const char license[] = "Dual MIT/GPL";
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof(attributes)); /* the kernel refuses what it does not know */
    attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attributes.insn_cnt = sizeof(program) / sizeof(program[0]);
    attributes.insns = (uintptr_t)program;
    attributes.license = (uintptr_t)license;
    long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
    return fd < 0 ? -errno : (int)fd;
}

int steering_attach(int tun_fd, int program_fd)
{
    return ioctl(tun_fd, TUNSETSTEERINGEBPF, &program_fd) < 0 ? -errno : 0;
}
