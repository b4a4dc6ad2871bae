// The bare machine: ports, MSRs, the serial console, a second processor, and how a check is reported.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE 4096u
#define PAGE_ALIGNED __attribute__((aligned(4096)))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void *memcpy(void *target, const void *source, size_t bytes);
void *memset(void *target, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }

static inline u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void write_msr(u32 index, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 read_msr(u32 index)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return low | (u64)high << 32;
}

static inline void pause(void) { __asm__ volatile("pause" : : : "memory"); }
static inline void full_barrier(void) { __asm__ volatile("mfence" : : : "memory"); }
static inline u64 page_of(const volatile void *address) { return (u64)address / PAGE; }

// A pseudo-random sequence that is the same in every run.
u64 next_random(u64 *state);

void print(const char *text);
void print_number(u64 value);

// Names the attack that the checks after it belong to.
void begin(const char *attack);
// Begins to look at a rule of protocol-spec/, and ends: the console tells `rule ID pass` or `rule ID FAIL` and what was seen, for conformance reports.
void begin_rule(const char *id);
void end_rule(const char *evidence);
// Tells of a rule that a host may break without harm to this guest: it counts as no failed check.
void tell_rule(const char *id, bool kept, const char *evidence);
// Reports when `got` is not `expected`.
void check(const char *what, u64 expected, u64 got);
// Reports and ends the partition.
void fatal(const char *what, u64 value) __attribute__((noreturn));
// Ends the partition; the console says how many checks passed.
void finish(void) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));

// Has the host look at what the worker uses, and waits until it has.
void sample(void);

// Waiting: `while (!…) wait(&limit, what);` ends the partition after a minute.
struct limit { u64 end; u32 spins; };
void wait(struct limit *limit, const char *what);

// Starts the second processor for one job; it halts afterwards.
void run_on_second(void (*job)(void));
// Waits until its job has ended.
void join_second(void);
